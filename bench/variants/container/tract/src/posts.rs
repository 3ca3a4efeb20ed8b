//! Posts: what a record's data says, and the ids of its words.

use std::collections::HashMap;
use std::fs;

use serde::Deserialize;

use crate::model::STEPS;

/// What Keras' Tokenizer takes for the end of a word.
const FILTERS: &str = " !\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

/// Returns the post in a record's data: the data itself without the line end
/// behind it or, if it begins with a brace, the "text" of a JSON object.
pub fn text(data: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Post {
        text: String,
    }
    let text = std::str::from_utf8(data).ok()?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str::<Post>(text).ok().map(|p| p.text);
    }
    let post = text
        .strip_suffix('\n')
        .map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Some(post.to_string())
}

/// Words and their ids, from 1 on.
pub struct Tokenizer {
    ids: HashMap<String, i32>,
}

impl Tokenizer {
    /// Reads a JSON array of words in the order of their ids.
    pub fn load(path: &str) -> Result<Tokenizer, Box<dyn std::error::Error + Send + Sync>> {
        let words: Vec<String> = serde_json::from_slice(&fs::read(path)?)?;
        Ok(Tokenizer {
            ids: words.into_iter().zip(1..).collect(),
        })
    }

    /// Returns the ids of the last known words, with zeros in front of them.
    pub fn ids(&self, text: &str) -> [i32; STEPS] {
        let mut row = [0; STEPS];
        let cleaned = clean(text);
        let known = cleaned
            .rsplit(|c| FILTERS.contains(c))
            .filter_map(|word| self.ids.get(word));
        for (slot, id) in row.iter_mut().rev().zip(known) {
            *slot = *id;
        }
        row
    }
}

/// Lower case, without what [^a-zA-z0-9\s] matches in Python, without "rt".
fn clean(text: &str) -> String {
    let kept: String = text.to_lowercase().chars().filter(|c| kept(*c)).collect();
    kept.replace("rt", "")
}

/// The range A-z has six characters besides the letters. Python's white space
/// has the four ASCII separators besides Unicode's.
fn kept(c: char) -> bool {
    matches!(c, 'A'..='z' | '0'..='9' | '\x1c'..='\x1f') || c.is_whitespace()
}
