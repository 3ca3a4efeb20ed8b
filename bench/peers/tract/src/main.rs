//! tract as a worker of bench/peers: see bench/peers/README.md for the protocol.
//!
//! It is started with the folder of the networks as its only argument and reads
//! NET/model.onnx, NET/index.json and NET/ids.bin in it. A model is made for each
//! batch size, since tract plans for fixed shapes.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{bail, format_err};

type Plan = Arc<TypedRunnableModel>;

/// A network's inputs, and its plans by batch size.
struct Net {
    folder: PathBuf,
    ids: Vec<i32>,
    steps: usize,
    rows: usize,
    prepared: HashMap<usize, Prepared>,
}

/// A plan and the inputs of each of its calls. The last call ends at the last
/// row, so that all have the same shape.
struct Prepared {
    plan: Plan,
    inputs: Vec<(usize, TValue)>,
}

impl Net {
    fn load(folder: &Path) -> TractResult<Net> {
        let index: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("index.json"))?)?;
        let number = |name: &str| {
            index[name].as_u64().map(|n| n as usize).ok_or_else(|| format_err!("index.json has no {name}"))
        };
        let ids = fs::read(folder.join("ids.bin"))?
            .chunks_exact(4)
            .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        Ok(Net {
            folder: folder.to_path_buf(),
            ids,
            steps: number("steps")?,
            rows: number("rows")?,
            prepared: HashMap::new(),
        })
    }

    fn prepare(&mut self, batch: usize) -> TractResult<()> {
        if self.prepared.contains_key(&batch) {
            return Ok(());
        }
        let plan = tract_onnx::onnx()
            .model_for_path(self.folder.join("model.onnx"))?
            .with_input_fact(0, i32::fact([batch, self.steps]).into())?
            .into_optimized()?
            .into_runnable()?;
        let mut inputs = Vec::new();
        for call in 0..self.rows.div_ceil(batch) {
            let from = (call * batch).min(self.rows - batch);
            let ids = &self.ids[from * self.steps..(from + batch) * self.steps];
            inputs.push((from, Tensor::from_shape(&[batch, self.steps], ids)?.into()));
        }
        self.prepared.insert(batch, Prepared { plan, inputs });
        Ok(())
    }

    /// Returns the nanoseconds of one pass, of the first calls alone if a limit
    /// is given.
    fn run(&mut self, batch: usize, limit: usize) -> TractResult<String> {
        self.prepare(batch)?;
        let p = &self.prepared[&batch];
        let calls = if limit == 0 { p.inputs.len() } else { limit.min(p.inputs.len()) };
        let start = Instant::now();
        for (_, input) in &p.inputs[..calls] {
            p.plan.run(tvec!(input.clone()))?;
        }
        Ok(format!("ns {} {}", start.elapsed().as_nanos(), calls))
    }

    /// Writes the outputs of all rows as float32.
    fn check(&mut self, batch: usize, path: &str) -> TractResult<String> {
        self.prepare(batch)?;
        let p = &self.prepared[&batch];
        let mut all: Vec<f32> = Vec::new();
        for (from, input) in &p.inputs {
            let out = p.plan.run(tvec!(input.clone()))?;
            let view = out[0].to_plain_array_view::<f32>()?;
            let width = view.len() / batch;
            all.resize(self.rows * width, 0.);
            for (at, value) in view.iter().enumerate() {
                all[from * width + at] = *value;
            }
        }
        fs::write(path, all.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
        Ok("ok".to_string())
    }
}

fn answer(data: &Path, nets: &mut HashMap<String, Net>, line: &str) -> TractResult<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = words.get(1).copied().unwrap_or_default();
    if words.first() == Some(&"load") {
        nets.insert(name.to_string(), Net::load(&data.join(name))?);
        return Ok("ok".to_string());
    }
    let net = nets.get_mut(name).ok_or_else(|| format_err!("{name} is not loaded"))?;
    let batch: usize = words.get(2).copied().unwrap_or_default().parse()?;
    if batch == 0 || batch > net.rows {
        bail!("batch {batch} of {} rows", net.rows);
    }
    match words[0] {
        "run" => net.run(batch, words.get(3).copied().unwrap_or("0").parse()?),
        "check" => net.check(batch, words.get(3).copied().unwrap_or_default()),
        word => bail!("{word} is no command"),
    }
}

fn main() -> io::Result<()> {
    let data = PathBuf::from(std::env::args().nth(1).unwrap_or_default());
    let mut nets = HashMap::new();
    let mut out = io::stdout();
    writeln!(out, "ready tract-onnx 0.23.9")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line == "quit" {
            break;
        }
        match answer(&data, &mut nets, &line) {
            Ok(text) => writeln!(out, "{text}")?,
            Err(err) => writeln!(out, "error {}", format!("{err:#}").replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}
