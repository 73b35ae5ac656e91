//! How criterion measures.

use std::time::Duration;

use criterion::Criterion;

/// Short measurements: the steps are deterministic and the medians settle soon. Longer ones by criterion's arguments, such as
/// `-- --measurement-time 5 --sample-size 100`.
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(15)
}
