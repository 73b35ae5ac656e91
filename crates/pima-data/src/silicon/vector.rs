//! Three-vectors and three-by-three matrices as plain arrays: the loops over bonds want nothing more.

/// A vector, or a row of a matrix.
pub(super) type Vec3 = [f64; 3];
/// A matrix by rows.
pub(super) type Mat3 = [[f64; 3]; 3];

pub(super) const IDENTITY: Mat3 = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

pub(super) fn dot(a: &Vec3, b: &Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: &Vec3, b: &Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn sub(a: &Vec3, b: &Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a += s b`.
pub(super) fn add_scaled(a: &mut Vec3, s: f64, b: &Vec3) {
    for k in 0..3 {
        a[k] += s * b[k];
    }
}

/// `m += s a b^T`.
pub(super) fn add_outer(m: &mut Mat3, s: f64, a: &Vec3, b: &Vec3) {
    for row in 0..3 {
        add_scaled(&mut m[row], s * a[row], b);
    }
}

/// `m += s n`.
pub(super) fn add_matrix(m: &mut Mat3, s: f64, n: &Mat3) {
    for row in 0..3 {
        add_scaled(&mut m[row], s, &n[row]);
    }
}

/// `v M`, a row times a matrix: fractional coordinates times a cell.
pub(super) fn row_times(v: &Vec3, m: &Mat3) -> Vec3 {
    let mut out = [0.0; 3];
    for k in 0..3 {
        add_scaled(&mut out, v[k], &m[k]);
    }
    out
}

/// `M v`.
pub(super) fn times_column(m: &Mat3, v: &Vec3) -> Vec3 {
    [dot(&m[0], v), dot(&m[1], v), dot(&m[2], v)]
}

pub(super) fn transpose(m: &Mat3) -> Mat3 {
    std::array::from_fn(|row| std::array::from_fn(|column| m[column][row]))
}

pub(super) fn determinant(m: &Mat3) -> f64 {
    dot(&m[0], &cross(&m[1], &m[2]))
}
