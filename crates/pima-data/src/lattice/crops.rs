//! The rows that one photograph becomes: its four quadrants, each as it is and mirrored.

/// Quadrants of a photograph.
const QUADRANTS: usize = 4;
/// As it is, mirrored left to right, top to bottom, and both.
const MIRRORS: usize = 4;

/// Rows a specimen becomes.
pub(super) fn rows(flips: bool) -> usize {
    QUADRANTS * if flips { MIRRORS } else { 1 }
}

/// Writes the rows of a square photograph (2 side, 2 side) into `out` (rows, side, side): quadrant by quadrant, and within it mirror by mirror.
pub(super) fn crop(photograph: &[f32], side: usize, flips: bool, out: &mut [f32]) {
    let mirrors = rows(flips) / QUADRANTS;
    for (row, image) in out.chunks_exact_mut(side * side).enumerate() {
        let (quadrant, mirror) = (row / mirrors, row % mirrors);
        let (top, left) = (quadrant / 2 * side, quadrant % 2 * side);
        for (y, line) in image.chunks_exact_mut(side).enumerate() {
            let from = if mirror & 2 == 0 { y } else { side - 1 - y };
            let start = (top + from) * 2 * side + left;
            line.copy_from_slice(&photograph[start..start + side]);
            if mirror & 1 == 1 {
                line.reverse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrants_and_mirrors_in_order() {
        let photograph: Vec<f32> = (0..16).map(|i| i as f32).collect();
        let mut out = vec![0.0; 16 * 4];
        crop(&photograph, 2, true, &mut out);
        let rows: Vec<&[f32]> = out.chunks_exact(4).collect();
        assert_eq!(rows[0], [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(rows[1], [1.0, 0.0, 5.0, 4.0]);
        assert_eq!(rows[2], [4.0, 5.0, 0.0, 1.0]);
        assert_eq!(rows[3], [5.0, 4.0, 1.0, 0.0]);
        assert_eq!(rows[4], [2.0, 3.0, 6.0, 7.0]);
        assert_eq!(rows[8], [8.0, 9.0, 12.0, 13.0]);
        assert_eq!(rows[15], [15.0, 14.0, 11.0, 10.0]);
        let mut plain = vec![0.0; 16];
        crop(&photograph, 2, false, &mut plain);
        assert_eq!(plain, [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 12.0, 13.0, 10.0, 11.0, 14.0, 15.0]);
    }
}
