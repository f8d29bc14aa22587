//! A toy tokenizer: up to three bytes of ASCII to a token, so that ids can be read back.

/// Which ids the world's rollouts carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// None.
    #[default]
    None,
    /// A token ends wherever a step does.
    EndWithSteps,
    /// Tokens run on over the ends of steps, so that most cuts fall inside one.
    Straddle,
}

impl Tokens {
    /// The ids of `text`, with the byte offset at which each ends.
    pub fn encode(self, text: &str) -> (Vec<u32>, Vec<i32>) {
        let mut end = 0;
        let pieces: Vec<&[u8]> = match self {
            Self::None => return (Vec::new(), Vec::new()),
            Self::EndWithSteps => {
                text.split_inclusive('\n').flat_map(|step| step.as_bytes().chunks(3)).collect()
            }
            Self::Straddle => text.as_bytes().chunks(3).collect(),
        };
        pieces
            .into_iter()
            .map(|piece| {
                end += i32::try_from(piece.len()).expect("at most 3");
                (piece.iter().fold(0, |id, &byte| id << 8 | u32::from(byte)), end)
            })
            .unzip()
    }
}

/// The text that ids stand for.
pub fn spell(ids: &[u32]) -> String {
    ids.iter()
        .flat_map(|id| id.to_be_bytes().into_iter().skip_while(|&byte| byte == 0))
        .map(char::from)
        .collect()
}
