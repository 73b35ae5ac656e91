//! Tables in Markdown whose columns line up, so that a terminal shows them as well as a browser.

/// A table; columns after the first are right-aligned. Rows are padded to the header.
pub(super) fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| -> String {
        row.get(column).map_or_else(String::new, |text| text.replace('|', r"\|"))
    };
    let all = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |column| all().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(|column| width(column).max(3)).collect();
    let line = |row: &[String]| {
        let cells = widths.iter().enumerate().map(|(column, &width)| {
            let text = cell(row, column);
            if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") }
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, &width)| {
        if column == 0 { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
    });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{body}", line(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let strings = |row: &[&str]| row.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let text = table(&strings(&["row", "mean (sd)"]), &[strings(&["a|b", "1.00 (0.10)"]), strings(&["Größe"])]);
        let wanted = "\
| row   |   mean (sd) |
|-------|------------:|
| a\\|b  | 1.00 (0.10) |
| Größe |             |
";
        assert_eq!(text, wanted);
    }
}
