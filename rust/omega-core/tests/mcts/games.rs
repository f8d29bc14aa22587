//! Small games for one player, solved by enumeration; the search must find a best line. The player maximises: that is
//! what a search over solutions does. Two players are folded into one where the other's answers are fixed.

use crate::support::{Seen, searched};
use omega_core::mcts::{Backup, By, Config, Fpu, Select};

/// A game by its moves and results.
trait Game {
    fn moves(&self, line: &[u32]) -> Vec<u32>;
    /// The result of a finished line; `None` if it goes on.
    fn result(&self, line: &[u32]) -> Option<f32>;

    fn best(&self, line: &mut Vec<u32>) -> f32 {
        if let Some(result) = self.result(line) {
            return result;
        }
        let mut best = f32::NEG_INFINITY;
        for step in self.moves(line) {
            line.push(step);
            best = best.max(self.best(line));
            line.pop();
        }
        best
    }

    fn seen(&self, line: &[u32]) -> Seen {
        let result = self.result(line);
        let ids = if result.is_some() { vec![] } else { self.moves(line) };
        // Nothing is known of a line before its end.
        Seen { value: result.unwrap_or(0.5), priors: vec![], ids, terminal: result.is_some() }
    }
}

/// Start at 2; add 3, double, or take 1 away, six times; the nearer to 47 the better.
struct Countdown;

impl Game for Countdown {
    fn moves(&self, _: &[u32]) -> Vec<u32> {
        vec![3, 5, 8]
    }

    fn result(&self, line: &[u32]) -> Option<f32> {
        let value = line.iter().fold(2_i16, |x, step| match step {
            3 => x + 3,
            5 => x * 2,
            _ => x - 1,
        });
        (line.len() == 6).then(|| 1.0 / (1.0 + f32::from((value - 47).abs())))
    }
}

/// Nim with 11 matches against a player who always takes two, or the last one; who takes the last match wins.
struct Nim;

impl Nim {
    fn left(line: &[u32]) -> (u32, bool) {
        let (mut left, mut mine) = (11, false);
        for &take in line {
            left -= take;
            mine = true;
            if left > 0 {
                left -= left.min(2);
                mine = false;
            }
        }
        (left, mine)
    }
}

impl Game for Nim {
    fn moves(&self, line: &[u32]) -> Vec<u32> {
        (1..=3.min(Self::left(line).0)).collect()
    }

    fn result(&self, line: &[u32]) -> Option<f32> {
        let (left, mine) = Self::left(line);
        // The sooner the better, so that there are lines to tell apart.
        (left == 0).then_some(if mine { 1.0 - 0.1 * line.len() as f32 } else { 0.0 })
    }
}

/// Noughts and crosses against a player who takes the first free field; three in a row wins, the sooner the better.
struct Crosses;

impl Crosses {
    fn board(line: &[u32]) -> [u8; 9] {
        let mut board = [0; 9];
        for &field in line {
            board[field as usize] = 1;
            if Self::won(&board, 1) {
                break;
            }
            if let Some(free) = board.iter().position(|&at| at == 0) {
                board[free] = 2;
            }
        }
        board
    }

    fn won(board: &[u8; 9], who: u8) -> bool {
        let rows = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
        rows.iter().any(|row| row.iter().all(|&at| board[at] == who))
    }
}

impl Game for Crosses {
    fn moves(&self, line: &[u32]) -> Vec<u32> {
        let board = Self::board(line);
        (0..9).filter(|&at| board[at as usize] == 0).collect()
    }

    fn result(&self, line: &[u32]) -> Option<f32> {
        let board = Self::board(line);
        match (Self::won(&board, 1), Self::won(&board, 2)) {
            (true, _) => Some(1.0 - 0.05 * line.len() as f32),
            (_, true) => Some(0.0),
            _ if self.moves(line).is_empty() => Some(0.5),
            _ => None,
        }
    }
}

fn finds_a_best_line(game: &dyn Game, config: &Config, by: By) {
    let best = game.best(&mut Vec::new());
    let tree = searched(config.clone(), |line| game.seen(line));
    let line = tree.best_line(by);
    assert_eq!(game.result(&line), Some(best), "{line:?} by {config:?}");
    let finished = tree.finished().into_iter().map(|(_, value)| value);
    assert_eq!(finished.reduce(f32::max), Some(best), "the best end is among those that were seen");
}

fn configs() -> [(Config, By); 4] {
    let uct = Config { select: Select::Uct { weight: 0.5 }, fpu: Fpu::First, ..Config::default() };
    let puct = Config { select: Select::Puct { base: 19_652.0, init: 1.25 }, ..Config::default() };
    let many = |config: &Config, in_flight| Config { simulations: 12_000, in_flight, ..config.clone() };
    [
        (many(&uct, 1), By::Visits),
        (many(&uct, 8), By::Visits),
        (many(&puct, 1), By::Visits),
        (Config { backup: Backup::Max, ..many(&uct, 4) }, By::Value),
    ]
}

#[test]
fn countdown_is_played_to_the_nearest_number() {
    for (config, by) in configs() {
        finds_a_best_line(&Countdown, &config, by);
    }
}

#[test]
fn nim_is_won_as_soon_as_it_can_be() {
    for (config, by) in configs() {
        finds_a_best_line(&Nim, &config, by);
    }
}

#[test]
fn noughts_and_crosses_is_won_as_soon_as_it_can_be() {
    for (config, by) in configs() {
        finds_a_best_line(&Crosses, &config, by);
    }
}
