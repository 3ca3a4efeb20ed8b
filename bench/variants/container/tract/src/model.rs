//! The network: rows of ids in, probabilities out.

use std::sync::{Arc, OnceLock};
use std::thread;

use tract_onnx::prelude::*;

/// Ids per row.
pub const STEPS: usize = 28;

/// Rows per call. tract plans for a fixed number; in fours a row takes 0.46 ms,
/// alone 0.80 ms, and larger chunks are no quicker (AVX2).
const CHUNK: usize = 4;

/// Lambda gives one processor per so many megabytes.
const MEGABYTES_PER_PROCESSOR: usize = 1769;

type Plan = Arc<TypedRunnableModel>;
type Row = [i32; STEPS];
type Probabilities = [f32; 3];

pub struct Model {
    network: InferenceModel,
    single: Plan,
    /// Made for the first event that has several posts: it is no part of the start.
    chunk: OnceLock<Result<Plan, String>>,
    threads: usize,
}

/// Returns how many processors the function is given.
pub fn threads() -> usize {
    let megabytes = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .ok()
        .and_then(|m| m.parse::<usize>().ok());
    (megabytes.unwrap_or_default() / MEGABYTES_PER_PROCESSOR).max(1)
}

impl Model {
    pub fn load(path: &str, threads: usize) -> TractResult<Model> {
        let network = tract_onnx::onnx().model_for_path(path)?;
        let single = plan(&network, 1)?;
        Ok(Model {
            network,
            single,
            chunk: OnceLock::new(),
            threads,
        })
    }

    /// Returns the probabilities of each row, or None for the rows of a call that
    /// failed. The rows are shared out among the threads.
    pub fn probabilities(&self, rows: &[Row]) -> Vec<Option<Probabilities>> {
        let mut out = vec![None; rows.len()];
        let share = rows.len().div_ceil(self.threads).next_multiple_of(CHUNK);
        if rows.len() <= share {
            self.run(rows, &mut out);
            return out;
        }
        thread::scope(|s| {
            for (rows, out) in rows.chunks(share).zip(out.chunks_mut(share)) {
                s.spawn(move || self.run(rows, out));
            }
        });
        out
    }

    fn run(&self, rows: &[Row], out: &mut [Option<Probabilities>]) {
        for (rows, out) in rows.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
            if let Err(err) = self.call(rows, out) {
                eprintln!("{} posts not scored: {err:#}", rows.len());
            }
        }
    }

    /// Scores one to CHUNK rows; a chunk that is not full gets empty ones.
    fn call(&self, rows: &[Row], out: &mut [Option<Probabilities>]) -> TractResult<()> {
        let mut padded = [[0; STEPS]; CHUNK];
        padded[..rows.len()].copy_from_slice(rows);
        let (plan, size) = if rows.len() == 1 {
            (&self.single, 1)
        } else {
            let made = self
                .chunk
                .get_or_init(|| plan(&self.network, CHUNK).map_err(|err| format!("{err:#}")));
            (
                made.as_ref().map_err(|err| TractError::msg(err.clone()))?,
                CHUNK,
            )
        };
        let ids = Tensor::from_shape(&[size, STEPS], padded[..size].as_flattened())?;
        let result = plan.run(tvec!(ids.into()))?;
        let view = result[0].to_plain_array_view::<f32>()?;
        for (p, out) in view.outer_iter().zip(out) {
            *out = Some([p[[0]], p[[1]], p[[2]]]);
        }
        Ok(())
    }
}

fn plan(network: &InferenceModel, rows: usize) -> TractResult<Plan> {
    network
        .clone()
        .with_input_fact(0, i32::fact([rows, STEPS]).into())?
        .into_optimized()?
        .into_runnable()
}
