//! How the text of a table is written: its encoding, what separates cells, and whether numbers have decimal commas.

use std::path::Path;

use crate::error::{Error, Place, Result};

/// Refuses text that is not UTF-8, and cells that are separated by spaces.
pub(super) fn check(path: &Path, text: &[u8]) -> Result<()> {
    let wrong = |place, problem: &str| Err(Error::Table { path: path.to_owned(), place, problem: problem.to_owned() });
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return wrong(Place::File, "is UTF-16; save it as UTF-8 (in Excel: \"CSV UTF-8\")");
    }
    if let Err(error) = std::str::from_utf8(text) {
        let line = 1 + text[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() as u64;
        return wrong(
            Place::Line(line),
            "a letter that is not UTF-8; save the file as UTF-8 (in Excel: \"CSV UTF-8\"), or write the letter otherwise",
        );
    }
    let mut lines = lines(text).map(String::from_utf8_lossy);
    if let (Some(heading), Some(line)) = (lines.next(), lines.next()) {
        let bare = ![&heading, &line].iter().any(|line| line.contains([',', ';', '\t']));
        let n = line.split_whitespace().count();
        let n_numbers = line.split_whitespace().filter(|cell| cell.parse::<f64>().is_ok()).count();
        // A name may have a space, and a number in it.
        let as_many = n == heading.split_whitespace().count() && n_numbers > 1;
        if !(bare && n > 1 && (n_numbers == n || as_many)) {
            return Ok(());
        }
        return wrong(Place::File, "its cells are separated by spaces; separate them by commas, semicolons or tabs");
    }
    Ok(())
}

/// The lines that are not empty.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// What separates cells: a comma; a semicolon or a tab where the first line has one and no comma, or has as many of them as the second line.
pub(super) fn separator(text: &[u8]) -> u8 {
    let mut lines = lines(text);
    let (first, second) = (lines.next().unwrap_or(&[]), lines.next());
    let count = |line: &[u8], byte: u8| line.iter().filter(|&&b| b == byte).count();
    let separates = |byte: &u8| {
        let n = count(first, *byte);
        n > 0 && (count(first, b',') == 0 || second.is_some_and(|second| count(second, *byte) == n))
    };
    [b';', b'\t'].into_iter().find(separates).unwrap_or(b',')
}

/// Whether a cell is a number whose point is a comma.
pub(crate) fn decimal_comma(cell: &str) -> bool {
    let commas = cell.bytes().filter(|&byte| byte == b',').count();
    commas == 1 && !cell.contains('.') && cell.replace(',', ".").parse::<f64>().is_ok()
}

/// Whether numbers have decimal commas: cells are separated by something else, no number has a point, and some number has a comma that does not separate
/// thousands. Where semicolons separate cells, commas never do.
pub(super) fn has_decimal_commas(text: &[u8], separator: u8) -> bool {
    if separator == b',' {
        return false;
    }
    let text = String::from_utf8_lossy(text);
    let cells = || text.split([separator as char, '\n']).map(|cell| cell.trim().trim_matches('"'));
    let certain = |cell: &str| {
        let (before, after) = cell.split_once(',').unwrap_or_default();
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        decimal_comma(cell) && (separator == b';' || digits != 3 || before.trim_start_matches(['-', '+']) == "0")
    };
    cells().any(certain) && !cells().any(|cell| cell.contains('.') && cell.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_decimal_commas_are_told_apart() {
        let of = |text: &str| {
            let separator = separator(text.as_bytes());
            (separator as char, has_decimal_commas(text.as_bytes(), separator))
        };
        assert_eq!(of("a,b\n1.5,2\n"), (',', false));
        assert_eq!(of("a;b\n1,5;2\n"), (';', true));
        assert_eq!(of("0,1;0,2\n1,5;2,5\n"), (';', true));
        assert_eq!(of("a\tb\n1,5\t2\n"), ('\t', true));
        // Thousands, or points as well: not for the program to decide.
        assert_eq!(of("a\tb\n1,500\t2\n"), ('\t', false));
        assert_eq!(of("a;b\n1,5;2.5\n"), (';', false));
        assert_eq!(of("a;b\n61,125;18,250\n"), (';', true));
        assert_eq!(of("a\tb\n0,125\t0,250\n"), ('\t', true));
        assert_eq!(of("a,b;c\nx,1\n"), (',', false));
    }

    #[test]
    fn text_that_cannot_be_read_is_told_with_what_to_do() {
        let said = |text: &[u8]| check(Path::new("a.csv"), text).unwrap_err().to_string();
        assert!(said(b"\xff\xfea\0").contains("a.csv: is UTF-16; save it as UTF-8"));
        assert!(
            said(b"a,b\n1,2 \xb0C\n").contains("a.csv, line 2: a letter that is not UTF-8; save the file as UTF-8")
        );
        assert!(said(b"strain stress\n0.0  1.5\n").contains("separated by spaces; separate them by commas"));
        assert!(said(b"specimen Fe Ni\nS1 61.5 18\n").contains("separated by spaces"));
        assert!(check(Path::new("a.csv"), b"specimen name\nsteel 3\n").is_ok());
        assert!(check(Path::new("a.csv"), "name,a\nsteel 3,5\n".as_bytes()).is_ok());
    }
}
