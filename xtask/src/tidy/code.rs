//! Rust source with comments and literals blanked out, so that a rule finds code and neither the string that names it nor the sentence about it.

/// `source` with every character of a comment, string or character literal replaced by a space; the lines stay where they are.
pub(super) fn code_only(source: &str) -> String {
    let mut rest = source;
    let mut out = String::with_capacity(source.len());
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let length = literal_or_comment(rest, previous);
        let taken = length.max(first.len_utf8());
        let (piece, after) = rest.split_at(taken);
        if length == 0 {
            out.push(first);
        } else {
            out.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        previous = first;
        rest = after;
    }
    out
}

/// Length in bytes of the comment or literal that `rest` begins with; 0 if it begins with code.
fn literal_or_comment(rest: &str, previous: char) -> usize {
    let in_word = previous.is_alphanumeric() || previous == '_';
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if rest.starts_with('"') {
        string(rest)
    } else if rest.starts_with('\'') {
        character(rest)
    } else if !in_word {
        let hashes = |text: &str| text.len() - text.trim_start_matches('#').len();
        let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'));
        match after {
            Some(after) if after[hashes(after)..].starts_with('"') => {
                let close = format!("\"{}", "#".repeat(hashes(after)));
                let start = rest.len() - after.len() + hashes(after) + 1;
                rest[start..].find(&close).map_or(rest.len(), |end| start + end + close.len())
            }
            _ => 0,
        }
    } else {
        0
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'x'` and `'\n'` are literals, `'a` is a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blanks collapsed, as the tests care for what is left.
    fn left(source: &str) -> String {
        code_only(source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_go() {
        assert_eq!(left("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(left(r#"f("x \" y", 'q', '\'', '\u{1F}', b"z") + g"#), "f( , , , , b ) + g");
        assert_eq!(left("f(r\"a\\\", br##\"b\"# \"##) + g"), "f( , ) + g");
        assert_eq!(left("fn f<'a>(x: &'a str) -> &'static str {}"), "fn f<'a>(x: &'a str) -> &'static str {}");
        assert_eq!(left("for\"x\" number\"y\" r#type"), "for number r#type");
        assert_eq!(left("\"Gauß ä\" x 'ß' y"), "x y");
    }

    #[test]
    fn lines_stay_where_they_are_and_nothing_open_is_fatal() {
        let source = "a\n\"b\nc\" d\n/* e\n*/ f";
        assert_eq!(code_only(source).lines().count(), source.lines().count());
        assert!(code_only(source).lines().nth(2).unwrap().contains('d'));
        for open in ["\"abc", "/* abc", "r#\"abc", "'", "'\\", "b\""] {
            assert_eq!(code_only(open).chars().count(), open.chars().count(), "{open}");
        }
    }
}
