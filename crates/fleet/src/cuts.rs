//! For tests and fuzz targets: the same stream in any pieces must give the same events.

#[cfg(test)]
use alai_testkit::fuzz::Dice;
#[cfg(test)]
use proptest::prelude::*;

use crate::dialect::Reader;
use crate::error::Fault;
use crate::event::Event;

/// The events of a stream that comes in these pieces, and how it ended.
pub(crate) fn heard<'a>(
    mut reader: Reader,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Result<(), Fault>) {
    let mut events = Vec::new();
    let mut out = |event: Event| {
        events.push(event);
        Ok(())
    };
    let mut ended = Ok(());
    for piece in pieces {
        match reader.feed(piece, &mut out) {
            Ok(fed) if fed.done => return (events, Ok(())),
            Ok(_) => {}
            Err(fault) => {
                ended = Err(fault);
                break;
            }
        }
    }
    let ended = ended.and_then(|()| reader.end(&mut out));
    (events, ended)
}

/// The fault of a stream that fails.
#[cfg(test)]
pub(crate) fn fault(reader: Reader, stream: &str) -> Fault {
    heard(reader, [stream.as_bytes()])
        .1
        .expect_err("this stream is a failure")
}

/// Every cut in two and single bytes.
#[cfg(test)]
pub(crate) fn every_cut(reader: impl Fn() -> Reader, stream: &[u8]) {
    let whole = heard(reader(), [stream]);
    for at in 0..=stream.len() {
        let cut = heard(reader(), [&stream[..at], &stream[at..]]);
        assert_eq!(cut, whole, "cut at byte {at}");
    }
    assert_eq!(heard(reader(), stream.chunks(1)), whole, "single bytes");
}

/// Cuts at any places.
pub(crate) fn any_cuts(reader: impl Fn() -> Reader, stream: &[u8], mut cuts: Vec<usize>) {
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for cut in cuts.into_iter().map(|cut| cut % (stream.len() + 1)) {
        pieces.push(&stream[from.min(cut)..cut]);
        from = from.max(cut);
    }
    pieces.push(&stream[from..]);
    pieces.retain(|piece| !piece.is_empty());
    assert_eq!(heard(reader(), pieces), heard(reader(), [stream]));
}

#[cfg(test)]
pub(crate) fn places() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..100_000_usize, 0..40)
}

/// A hostile stream: a good one with places cut out, doubled, moved and filled, in pieces.
#[cfg(test)]
pub(crate) fn hostile(
    dice: &mut Dice,
    good: &[&str],
    pieces: &[&str],
    reader: impl Fn() -> Reader,
) {
    let mut text = match dice.one_in(4) {
        true => dice.text(pieces, 30),
        false => {
            let good = *dice.pick(good);
            dice.mutated(good, pieces)
        }
    }
    .into_bytes();
    if dice.one_in(5) && !text.is_empty() {
        let at = dice.below(text.len());
        text[at] = u8::try_from(dice.below(256)).unwrap_or(0);
    }
    let cuts = (0..dice.below(6))
        .map(|_| dice.below(text.len() + 1))
        .collect();
    judge(&text, cuts, reader);
}

/// Any bytes must end in events or in a fault, the same in these pieces as in one, and never in a panic.
pub(crate) fn judge(text: &[u8], cuts: Vec<usize>, reader: impl Fn() -> Reader) {
    any_cuts(&reader, text, cuts);
    let (events, ended) = heard(reader(), [text]);
    let done = events
        .iter()
        .filter(|event| matches!(event, Event::Done(_)))
        .count();
    assert_eq!(
        done,
        usize::from(ended.is_ok()),
        "whole exactly when it says so"
    );
    if let Some(Event::Done(finish)) = events.last() {
        let is_call = |event: &Event| matches!(event, Event::ToolCall(_));
        let cut = *finish == crate::chat::Finish::Length;
        assert!(!cut || matches!(reader(), Reader::Ollama(_)) || !events.iter().any(is_call));
    }
}

/// Four places to cut these bytes at, by the bytes alone: FNV-1a, a place for each quarter of it.
pub(crate) fn places_of(bytes: &[u8]) -> Vec<usize> {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let place = |quarter: u32| usize::from((hash >> (16 * quarter) & 0xffff) as u16);
    (0..4).map(place).collect()
}
