//! Aligned text for the terminal.

pub(crate) use pima_cli::significant;

/// Rows of cells under a heading, all as wide as they need to be: the first column to the left, numbers to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row; rows may differ in length.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = widths[column] - cell.chars().count();
                let (before, after) = if column == 0 { (0, gap) } else { (gap + 2, 0) };
                line.extend(std::iter::repeat_n(' ', before));
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', after));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with its standard error, both to the error's second digit: `3.0012(45)` would be `3.0012 ± 0.0045`.
pub(crate) fn with_error(value: f64, error: f64) -> String {
    if !(error.is_finite() && error > 0.0 && value.is_finite()) {
        return format!("{} ± ?", significant(value));
    }
    let decimals = 1 - error.log10().floor() as i64;
    match usize::try_from(decimals) {
        Ok(decimals) if decimals <= 9 => format!("{value:.decimals$} ± {error:.decimals$}"),
        _ => format!("{value:.4e} ± {error:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::default();
        table.row(["", "train", "test"]);
        table.row(["accuracy", "1", "22.5 %"]);
        table.row(["Ø"]);
        assert_eq!(table.to_string(), "          train    test\naccuracy      1  22.5 %\nØ\n");
    }

    #[test]
    fn a_number_has_the_digits_that_its_error_leaves() {
        assert_eq!(with_error(3.001234, 0.00451), "3.0012 ± 0.0045");
        assert_eq!(with_error(123.4, 2.0), "123.4 ± 2.0");
        assert_eq!(with_error(123_456.0, 7_890.0), "1.2346e5 ± 7.9e3");
        assert_eq!(with_error(1.5e-12, 2e-14), "1.5000e-12 ± 2.0e-14");
        assert_eq!(with_error(0.5, f64::NAN), "0.50000 ± ?");
    }
}
