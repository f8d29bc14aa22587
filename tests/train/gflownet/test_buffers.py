import json
from collections import Counter

from omega_fast.train.gflownet.buffers import OnPolicyBuffer, ReplayBuffer
from omega_fast.train.gflownet.solutions import draw_seed
from tests.train.gflownet.scored import scored


def group(version):
    return (scored([65], version=version), scored([66], version=version))


def test_groups_come_out_in_order_and_once():
    buffer = OnPolicyBuffer(max_age=1)
    buffer.add([group(0), group(0), group(1)])
    assert [each[0].drawn.version for each in buffer.take(2, 1)] == [0, 0]
    assert [each[0].drawn.version for each in buffer.take(2, 1)] == [1]
    assert len(buffer) == 0


def test_groups_of_weights_that_are_too_old_are_dropped_and_counted():
    buffer = OnPolicyBuffer(max_age=1)
    buffer.add([group(0), group(1), group(2)])
    assert [each[0].drawn.version for each in buffer.take(3, 2)] == [1, 2]
    assert buffer.forget_stale() == 1
    assert buffer.forget_stale() == 0


def replay(capacity=8, priority=1.0, similar=1.0):
    return ReplayBuffer(capacity, priority, similar, seed=0)


def test_a_solution_is_kept_once_and_only_of_its_question():
    buffer = replay()
    buffer.add([scored([65, 66]), scored([65, 66]), scored([65, 66], question=1), scored([67])])
    assert len(buffer) == 3
    assert {each.drawn.ids for each in buffer.draw(0, 9, version=0)} == {(65, 66), (67,)}
    assert [each.drawn.question for each in buffer.draw(1, 9, version=0)] == [1]
    assert buffer.draw(2, 9, version=0) == []


def test_near_duplicates_are_kept_once_as_the_better_one():
    buffer = replay(similar=0.8)
    buffer.add([scored(b"x 1 + 2 = 3", 0.2), scored(b"x 1 + 2 = 4", 0.9), scored(b"something else", 0.1)])
    assert sorted(each.r for each in buffer.draw(0, 9, version=0)) == [0.1, 0.9]


def test_what_is_worth_least_goes_when_there_are_too_many():
    buffer = replay(capacity=2)
    buffer.add([scored([65], 0.1), scored([66], 0.9), scored([67], 0.5)])
    assert {each.r for each in buffer.draw(0, 9, version=0)} == {0.9, 0.5}


def test_what_nobody_could_score_is_not_kept():
    buffer = replay()
    buffer.add([scored([65], None)])
    assert len(buffer) == 0


def test_better_solutions_come_more_often_and_none_that_was_just_drawn():
    buffer = replay()
    good, bad, new = scored([65], 0.9), scored([66], 0.1), scored([67], 0.9)
    buffer.add([good, bad, new])
    first = Counter(buffer.draw(0, 1, version, [new])[0].drawn.ids for version in range(400))
    assert (67,) not in first
    assert 0.8 < first[65,] / 400 < 0.98, "9 to 1"
    even = replay(priority=0.0)
    even.add([good, bad])
    first = Counter(even.draw(0, 1, version)[0].drawn.ids for version in range(400))
    assert 0.4 < first[65,] / 400 < 0.6


def test_the_choice_is_the_same_for_the_same_version():
    one, other = replay(), replay()
    for buffer in (one, other):
        buffer.add([scored([at], 0.5) for at in range(65, 80)])
    assert one.draw(0, 3, 7) == other.draw(0, 3, 7)
    assert one.draw(0, 3, 7) != one.draw(0, 3, 8)


def test_buffers_survive_as_json():
    buffer, policy = replay(), OnPolicyBuffer(0)
    buffer.add([scored(b"ab", cuts=(1, 2), right=True), scored([], None), scored([66])])
    policy.add([group(3)])
    again, policy_again = replay(), OnPolicyBuffer(0)
    again.restore(json.loads(json.dumps(buffer.to_dict())))
    policy_again.restore(json.loads(json.dumps(policy.to_dict())))
    assert again.draw(0, 9, 0) == buffer.draw(0, 9, 0)
    assert policy_again.take(1, 3) == [group(3)]


def test_every_draw_has_a_seed_of_its_own():
    seeds = {draw_seed(a, b, c, d) for a in (0, 1) for b in (0, 1) for c in ("q", "\ud800") for d in (0, 1)}
    assert len(seeds) == 16
    assert all(0 <= each < 2**64 for each in seeds)
