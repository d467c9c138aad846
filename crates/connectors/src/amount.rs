//! A line with a dated amount: `{"type":"amount","account":"7","metric":"sales","amount":1,"at":"..","id":"o-77"}`, or of a
//! whole day `{"type":"amount","account":"7","metric":"sales","day":"2026-10-01","total":12}`.
//!
//! Read by the JSON parser alone, and only where a line is no follow: lines with follows pay nothing for it.

use std::borrow::Cow;

use serde::Deserialize;
use state::commands::{Amount, AmountItem};
use state::{AccountId, Code, Currency, EventId, Millis};

use crate::refusal::{Column, Why};
use crate::when;

/// What every such line has in it.
const MARK: &[u8] = b"\"amount\"";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    account: Word<'a>,
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow, default)]
    currency: Option<Cow<'a, str>>,
    amount: Option<i64>,
    #[serde(borrow, default)]
    at: Option<Word<'a>>,
    #[serde(borrow, default)]
    id: Option<Word<'a>>,
    #[serde(borrow, default)]
    day: Option<Cow<'a, str>>,
    total: Option<i64>,
}

/// A text, or a number that stands for one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Word<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Word::Number(number) => number.to_string().into(),
            Word::Text(text) => Cow::Borrowed(text),
        }
    }
}

/// The amount of a line that is no follow; `None` if it is no amount either.
pub(crate) fn read(line: &[u8]) -> Option<Result<AmountItem, Why>> {
    memchr::memmem::find(line, MARK)?;
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else {
        // Something else that has the word in it is told what was wrong with it as a follow.
        return is_amount(line).then_some(Err(Why::AmountIsIncomplete));
    };
    (line.kind == "amount").then(|| item(&line))
}

fn is_amount(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    serde_json::from_slice::<Kind<'_>>(line).is_ok_and(|line| line.kind == "amount")
}

fn item(line: &Line<'_>) -> Result<AmountItem, Why> {
    let account = AccountId::parse(&line.account.text())
        .map_err(|error| Why::AccountIsRefused(Column::Account, error))?;
    let metric = Code::new(&line.metric).map_err(Why::MetricIsRefused)?;
    let currency = match line.currency.as_deref() {
        Some(code) => Some(Currency::parse(code).ok_or(Why::CurrencyIsUnknown)?),
        None => None,
    };
    let amount = match line {
        Line { amount: Some(amount), at: Some(at), id: Some(id), day: None, total: None, .. } => {
            let at = match at {
                Word::Number(number) => i64::try_from(*number).ok(),
                Word::Text(text) => when::rfc3339(text),
            };
            Amount::Event {
                amount: *amount,
                at: Millis(at.ok_or(Why::TimeIsRefused)?),
                id: EventId::new(&id.text()).map_err(|_| Why::EventIdIsRefused)?,
            }
        }
        Line { amount: None, at: None, id: None, day: Some(day), total: Some(total), .. } => {
            Amount::of_day(day, *total).ok_or(Why::DayIsRefused)?
        }
        _ => return Err(Why::AmountIsIncomplete),
    };
    Ok(AmountItem { account, metric, currency, amount })
}
