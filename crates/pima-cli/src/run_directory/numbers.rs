//! Reading numbers that JSON cannot write: `null` stands for a number that is not finite and is read as NaN.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A number or `null`.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// A list of numbers and `null`s.
pub(crate) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let list = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect())
}

/// A map from names to numbers and `null`s.
pub(crate) fn map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let map = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(map.into_iter().map(|(name, x)| (name, x.unwrap_or(f64::NAN))).collect())
}

/// A map from names to such maps.
pub(crate) fn nested<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, BTreeMap<String, f64>>, D::Error> {
    let map = BTreeMap::<String, BTreeMap<String, Option<f64>>>::deserialize(deserializer)?;
    let inner = |map: BTreeMap<String, Option<f64>>| map.into_iter().map(|(name, x)| (name, x.unwrap_or(f64::NAN)));
    Ok(map.into_iter().map(|(name, map)| (name, inner(map).collect())).collect())
}
