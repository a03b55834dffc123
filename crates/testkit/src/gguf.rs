//! Tiny models for a real llama-server: a llama of one layer whose words follow from the last token alone, so that what it says is
//! known. A byte-level vocabulary of a few hundred tokens, a ChatML template with tools in the form of Hermes and Qwen.
//!
//! The format is that of `ggml/docs/gguf.md`, version 3.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::Value;

/// What a model says after the prompt, at temperature 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// Letters without end.
    Noise,
    /// One call of a tool, and the end.
    Call { name: String, arguments: Value },
}

const WIDTH: usize = 64;
const HEADS: u32 = 4;
/// Longer than any prompt of a test.
const WINDOW: u32 = 65_536;

const TEMPLATE: &str = r#"{%- if tools %}
{{- '<|im_start|>system\n# Tools\n\nYou may call functions within <tools></tools>:\n<tools>' }}
{%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\n</tools>\n\nReturn a json object within <tool_call></tool_call> tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\n' }}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls %}
{%- if call.function %}{%- set call = call.function %}{%- endif %}
{{- '<tool_call>\n{\"name\": \"' + call.name + '\", \"arguments\": ' }}{{- call.arguments | tojson }}{{- '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- else %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"#;

/// A token's kind, as `llama.h` numbers them.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const OWN: i32 = 4;

/// Writes a model. `bytes` is about how large its file becomes at least: more takes longer to load.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, says: &Says, bytes: u64) -> io::Result<()> {
    let mut vocabulary: Vec<(String, i32)> = (0..=255_u8)
        .map(|byte| (letter(byte).to_string(), NORMAL))
        .collect();
    // The merge that a vocabulary of this kind must have.
    vocabulary.push(("th".to_owned(), NORMAL));
    let first = vocabulary.len();
    for text in ["<|im_start|>", "<|im_end|>"] {
        vocabulary.push((text.to_owned(), CONTROL));
    }
    let end = first + 1;
    let mut chain = Vec::new();
    if let Says::Call { name, arguments } = says {
        let call = format!(
            "<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>"
        );
        vocabulary.push((call, OWN));
        // The prompt ends in a line's end.
        let (newline, call) = (usize::from(b'\n'), vocabulary.len() - 1);
        chain = vec![(newline, call), (call, end)];
    }
    let inner = usize::try_from(bytes / (3 * 4 * WIDTH as u64)).unwrap_or(0);
    let inner = inner.max(WIDTH).next_multiple_of(WIDTH);
    let mut out = BufWriter::new(File::create(path)?);
    let tensors = tensors(vocabulary.len(), inner, &chain);
    let mut head = Head::default();
    described(&mut head, &vocabulary, inner, end);
    head.write(&mut out, &tensors)?;
    for tensor in &tensors {
        match &tensor.numbers {
            Some(numbers) => {
                for number in numbers {
                    out.write_all(&number.to_le_bytes())?;
                }
            }
            None => {
                let zeros = vec![0_u8; 1 << 20];
                let mut left = tensor.bytes();
                while left > 0 {
                    let part = left.min(zeros.len());
                    out.write_all(&zeros[..part])?;
                    left -= part;
                }
            }
        }
        pad(&mut out, tensor.bytes())?;
    }
    out.flush()
}

/// How GPT-2 writes a byte as a letter that can be seen.
fn letter(byte: u8) -> char {
    let seen = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if seen(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|other| !seen(*other)).count();
    u32::try_from(before)
        .ok()
        .and_then(|n| char::from_u32(256 + n))
        .unwrap_or('?')
}

struct Tensor {
    name: String,
    /// The width of a row first.
    shape: Vec<usize>,
    /// None for zeros.
    numbers: Option<Vec<f32>>,
}

impl Tensor {
    fn bytes(&self) -> usize {
        4 * self.shape.iter().product::<usize>()
    }
}

/// Attention and its feed-forward add nothing, so that what follows a token is in `token_embd` and `output` alone.
fn tensors(tokens: usize, inner: usize, chain: &[(usize, usize)]) -> Vec<Tensor> {
    // The chain has numbers of its own; all others follow noise.
    let own = chain.len();
    let mut dice = Dice(1);
    let mut embeddings = vec![0.0; tokens * WIDTH];
    let mut output = vec![0.0; tokens * WIDTH];
    for token in 0..tokens {
        for at in own..WIDTH {
            embeddings[token * WIDTH + at] = dice.next();
        }
        let is_letter = u8::try_from(token).is_ok_and(|byte| byte.is_ascii_alphabetic());
        if is_letter {
            for at in own..WIDTH {
                output[token * WIDTH + at] = dice.next();
            }
        }
    }
    for (n, (from, to)) in chain.iter().enumerate() {
        let row = &mut embeddings[from * WIDTH..(from + 1) * WIDTH];
        row.fill(0.0);
        row[n] = 1.0;
        output[to * WIDTH + n] = 10.0;
    }
    let ones = || Some(vec![1.0; WIDTH]);
    let tensor = |name: &str, shape: &[usize], numbers| Tensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        numbers,
    };
    let square = [WIDTH, WIDTH];
    vec![
        tensor("token_embd.weight", &[WIDTH, tokens], Some(embeddings)),
        tensor("output_norm.weight", &[WIDTH], ones()),
        tensor("output.weight", &[WIDTH, tokens], Some(output)),
        tensor("blk.0.attn_norm.weight", &[WIDTH], ones()),
        tensor("blk.0.ffn_norm.weight", &[WIDTH], ones()),
        tensor("blk.0.attn_q.weight", &square, None),
        tensor("blk.0.attn_k.weight", &square, None),
        tensor("blk.0.attn_v.weight", &square, None),
        tensor("blk.0.attn_output.weight", &square, None),
        tensor("blk.0.ffn_gate.weight", &[WIDTH, inner], None),
        tensor("blk.0.ffn_up.weight", &[WIDTH, inner], None),
        tensor("blk.0.ffn_down.weight", &[inner, WIDTH], None),
    ]
}

/// Numbers between -1 and 1, always the same (xorshift).
struct Dice(u64);

impl Dice {
    #[allow(clippy::cast_precision_loss)] // noise
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

fn described(head: &mut Head, vocabulary: &[(String, i32)], inner: usize, end: usize) {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    head.text("general.architecture", "llama");
    head.text("general.name", "twin");
    head.number("llama.context_length", WINDOW);
    head.number("llama.embedding_length", number(WIDTH));
    head.number("llama.block_count", 1);
    head.number("llama.feed_forward_length", number(inner));
    head.number("llama.attention.head_count", HEADS);
    head.number("llama.attention.head_count_kv", HEADS);
    head.float("llama.attention.layer_norm_rms_epsilon", 1e-5);
    head.number("llama.rope.dimension_count", number(WIDTH) / HEADS);
    head.number("llama.vocab_size", number(vocabulary.len()));
    head.text("tokenizer.ggml.model", "gpt2");
    head.text("tokenizer.ggml.pre", "qwen2");
    let texts: Vec<&str> = vocabulary.iter().map(|(text, _)| text.as_str()).collect();
    head.texts("tokenizer.ggml.tokens", &texts);
    let kinds: Vec<i32> = vocabulary.iter().map(|(_, kind)| *kind).collect();
    head.numbers("tokenizer.ggml.token_type", &kinds);
    head.texts("tokenizer.ggml.merges", &["t h"]);
    head.number("tokenizer.ggml.eos_token_id", number(end));
    head.number("tokenizer.ggml.padding_token_id", number(end));
    head.text("tokenizer.chat_template", TEMPLATE);
}

/// What stands before the tensors.
#[derive(Default)]
struct Head {
    count: u64,
    bytes: Vec<u8>,
}

impl Head {
    fn key(&mut self, key: &str, kind: u32) {
        self.count += 1;
        self.string(key);
        self.bytes.extend(kind.to_le_bytes());
    }

    fn string(&mut self, text: &str) {
        self.bytes.extend((text.len() as u64).to_le_bytes());
        self.bytes.extend(text.as_bytes());
    }

    fn number(&mut self, key: &str, value: u32) {
        self.key(key, 4);
        self.bytes.extend(value.to_le_bytes());
    }

    fn float(&mut self, key: &str, value: f32) {
        self.key(key, 6);
        self.bytes.extend(value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key, 8);
        self.string(value);
    }

    fn list(&mut self, key: &str, kind: u32, count: usize) {
        self.key(key, 9);
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend((count as u64).to_le_bytes());
    }

    fn numbers(&mut self, key: &str, values: &[i32]) {
        self.list(key, 5, values.len());
        for value in values {
            self.bytes.extend(value.to_le_bytes());
        }
    }

    fn texts(&mut self, key: &str, values: &[&str]) {
        self.list(key, 8, values.len());
        for value in values {
            self.string(value);
        }
    }

    fn write(self, out: &mut impl Write, tensors: &[Tensor]) -> io::Result<()> {
        let mut names = Head::default();
        let mut offset = 0_u64;
        for tensor in tensors {
            names.string(&tensor.name);
            names
                .bytes
                .extend((tensor.shape.len() as u32).to_le_bytes());
            for size in &tensor.shape {
                names.bytes.extend((*size as u64).to_le_bytes());
            }
            // 0 is F32.
            names.bytes.extend(0_u32.to_le_bytes());
            names.bytes.extend(offset.to_le_bytes());
            offset += tensor.bytes().next_multiple_of(ALIGNMENT) as u64;
        }
        let mut all = b"GGUF".to_vec();
        all.extend(3_u32.to_le_bytes());
        all.extend((tensors.len() as u64).to_le_bytes());
        all.extend(self.count.to_le_bytes());
        all.extend(self.bytes);
        all.extend(names.bytes);
        let length = all.len();
        out.write_all(&all)?;
        pad(out, length)
    }
}

/// Bytes at whose multiples tensors begin, where a file says nothing else.
const ALIGNMENT: usize = 32;

fn pad(out: &mut impl Write, length: usize) -> io::Result<()> {
    let missing = length.next_multiple_of(ALIGNMENT) - length;
    out.write_all(&[0_u8; ALIGNMENT][..missing])
}
