//! The function in Rust with tract: a Firehose transformation event in, one line
//! of JSON per record out. model.onnx and vocabulary.json stand in the function's
//! folder.

mod model;
mod posts;

use base64::prelude::{Engine, BASE64_STANDARD};
use lambda_runtime::{service_fn, Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use model::Model;
use posts::Tokenizer;

#[derive(Deserialize)]
struct Event {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "recordId")]
    id: String,
    #[serde(default)]
    data: serde_json::Value,
}

#[derive(Serialize)]
struct Answer {
    records: Vec<Transformed>,
}

#[derive(Serialize)]
struct Transformed {
    #[serde(rename = "recordId")]
    id: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    message: &'a str,
    sentiment: &'static str,
    score: f32,
}

const LABELS: [&str; 3] = ["Negative", "Neutral", "Positive"];

/// Scores the posts of all records together. A record without a post, or in a
/// chunk that the model failed on, comes back as failed.
fn transform(tokenizer: &Tokenizer, model: &Model, event: Event) -> Result<Answer, Error> {
    let texts: Vec<Option<String>> = event
        .records
        .iter()
        .map(|r| posts::text(&BASE64_STANDARD.decode(r.data.as_str()?).ok()?))
        .collect();
    let rows: Vec<_> = texts.iter().flatten().map(|t| tokenizer.ids(t)).collect();
    let mut scored = model.probabilities(&rows).into_iter();
    let mut records = Vec::with_capacity(texts.len());
    for (record, text) in event.records.into_iter().zip(&texts) {
        let data = match text {
            Some(message) => scored
                .next()
                .flatten()
                .map(|p| line(message, p))
                .transpose()?,
            None => None,
        };
        let result = if data.is_some() {
            "Ok"
        } else {
            "ProcessingFailed"
        };
        records.push(Transformed {
            id: record.id,
            result,
            data,
        });
    }
    Ok(Answer { records })
}

/// The data of a scored record: its line of JSON as base64.
fn line(message: &str, probabilities: [f32; 3]) -> serde_json::Result<String> {
    let mut best = 0;
    for (label, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = label;
        }
    }
    let mut json = serde_json::to_vec(&Line {
        message,
        sentiment: LABELS[best],
        score: probabilities[best],
    })?;
    json.push(b'\n');
    Ok(BASE64_STANDARD.encode(json))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let folder = std::env::var("LAMBDA_TASK_ROOT")?;
    let tokenizer = Tokenizer::load(&format!("{folder}/vocabulary.json"))?;
    let model = Model::load(&format!("{folder}/model.onnx"), model::threads())?;
    let (tokenizer, model) = (&tokenizer, &model);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        transform(tokenizer, model, event.payload)
    }))
    .await
}
