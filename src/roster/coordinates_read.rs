//! What other programs wrote into `config/coordinates.json`: a whole number
//! as 12.0, a monitor as a number, and the oldest format, in which the agents
//! stand at the top of the file with `x`, `y` and `status`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::coordinates::{Place, Point};
use crate::config::ConfigError;
use crate::model::AgentName;

/// By one of these an agent of the oldest format is known from anything else
/// that stands at the top.
const POINTS: [&str; 4] = ["x", "chat_input_coordinates", "onboarding_coordinates", "onboarding_input_coords"];

/// Pixels that any screen could have.
const FARTHEST: f64 = 100_000.0;

/// The agents at the top of the file; `None` when it has them under `agents`.
pub(super) fn at_the_top(bytes: &[u8], path: &Path) -> Result<Option<BTreeMap<AgentName, Place>>, ConfigError> {
    let fault = |e: serde_json::Error| ConfigError::invalid(path, Some(e.line()), e.to_string());
    let all: BTreeMap<String, Value> = serde_json::from_slice(bytes).map_err(fault)?;
    if all.contains_key("agents") {
        return Ok(None);
    }
    let mut found = BTreeMap::new();
    for (name, entry) in all.into_iter().filter(|(_, entry)| POINTS.iter().any(|key| entry.get(key).is_some())) {
        let wrong = |why: String| ConfigError::invalid(path, None, format!("{name}: {why}"));
        let agent = AgentName::new(&name).map_err(|e| wrong(e.to_string()))?;
        let place = serde_json::from_value(entry).map_err(|e| wrong(e.to_string()))?;
        found.insert(agent, place);
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// A list of two whole numbers; other programs write 12.0 for 12.
pub(super) fn point<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Point>, D::Error> {
    let Some(numbers) = Option::<Vec<f64>>::deserialize(from)? else { return Ok(None) };
    match numbers[..] {
        [x, y] => match (whole(x), whole(y)) {
            (Some(x), Some(y)) => Ok(Some((x, y))),
            _ => Err(serde::de::Error::custom(A_POINT)),
        },
        _ => Err(serde::de::Error::custom(A_POINT)),
    }
}

const A_POINT: &str = "a point is [x, y], two numbers of pixels";

/// A number of pixels, written with or without a fraction.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(from)? else { return Ok(None) };
    let wrong = || serde::de::Error::custom(format!("{number} is no number of pixels"));
    whole(number).map(Some).ok_or_else(wrong)
}

fn whole(number: f64) -> Option<i32> {
    #[allow(clippy::cast_possible_truncation)] // It is small enough.
    (number.abs() < FARTHEST).then(|| number.round() as i32)
}

/// A name; other programs count monitors instead.
pub(super) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(from)? {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    })
}
