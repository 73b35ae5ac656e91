//! From text to a tape: numbers, names, `+ - * / ^` and calls, by recursive descent.

use super::function::Function;
use super::{Expression, Step, Wrong};

/// Names that a formula gives a meaning of its own, besides those of [`Function::ALL`].
const RESERVED: [&str; 4] = ["min", "max", "if", "pi"];
/// Brackets, signs and powers within each other, at most: the reader calls itself for each.
const DEEPEST: usize = 100;

/// Whether `text` can be the name of a quantity: letters, digits and underscores, no digit first, and not taken.
pub(crate) fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(starts_name)
        && text.chars().all(continues_name)
        && !RESERVED.contains(&text)
        && Function::named(text).is_none()
}

/// The names of quantities that stand in a text, each once, in their order; none of a text that cannot be read.
pub(crate) fn names_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (token, _) in tokens(text).unwrap_or_default() {
        if let Token::Name(name) = token
            && is_name(&name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(super) fn parse(text: &str, names: &[&str]) -> Result<Expression, Wrong> {
    let tokens = tokens(text)?;
    let end = text.trim_end().chars().count() + 1;
    let mut reader = Reader { tokens, at: 0, end, names, depth: 0, steps: Vec::new(), columns: Vec::new() };
    if reader.tokens.is_empty() {
        return Err(wrong(1, "nothing is here; write a formula such as `a + b*t`"));
    }
    let value = reader.sum()?;
    if let Some((token, column)) = reader.tokens.get(reader.at) {
        return Err(wrong(*column, reader.not_an_operator(token)));
    }
    // Operands are written before what uses them, so that the value is the last step.
    debug_assert_eq!(value + 1, reader.steps.len());
    Ok(Expression { steps: reader.steps, columns: reader.columns })
}

fn wrong(column: usize, reason: impl Into<String>) -> Wrong {
    Wrong { column, reason: reason.into() }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    /// An operator, a bracket or a comma; powers are `^`, comparisons `<`, `>`, `<=`, `>=`.
    Sign(&'static str),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name.clone(),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// The tokens of a text, each with its column.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Wrong> {
    const SIGNS: [(&str, &str); 13] = [
        ("**", "^"),
        ("<=", "<="),
        (">=", ">="),
        ("<", "<"),
        (">", ">"),
        ("^", "^"),
        ("+", "+"),
        ("-", "-"),
        ("*", "*"),
        ("/", "/"),
        ("(", "("),
        (")", ")"),
        (",", ","),
    ];
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let (c, column) = (characters[at], at + 1);
        let run = |from: usize, accept: fn(char) -> bool| {
            from + characters[from..].iter().take_while(|c| accept(**c)).count()
        };
        let digit = |c: char| c.is_ascii_digit();
        if c.is_whitespace() {
            at += 1;
        } else if starts_name(c) {
            let end = run(at, continues_name);
            // `np.exp`, `math.pi`: as it is written in Python.
            if characters.get(end) == Some(&'.') && characters.get(end + 1).is_some_and(|c| starts_name(*c)) {
                let last = run(end + 1, continues_name);
                let name = |from: usize, to: usize| characters[from..to].iter().collect::<String>();
                let (all, bare) = (name(at, last), name(end + 1, last));
                return Err(wrong(column, format!("'{all}': names have no module here; write {bare}")));
            }
            found.push((Token::Name(characters[at..end].iter().collect()), column));
            at = end;
        } else if digit(c) || c == '.' {
            let mut end = run(at, digit);
            if characters.get(end) == Some(&'.') {
                end = run(end + 1, digit);
            }
            // An exponent is one only with its digits: in `2*e`, and in the mistake `2e`, e is a name.
            if matches!(characters.get(end), Some('e' | 'E')) {
                let sign = usize::from(matches!(characters.get(end + 1), Some('+' | '-')));
                let last = run((end + 1 + sign).min(characters.len()), digit);
                if last > end + 1 + sign {
                    end = last;
                }
            }
            let number: String = characters[at..end].iter().collect();
            let value = number.parse().map_err(|_| wrong(column, format!("'{number}' is not a number")))?;
            found.push((Token::Number(value), column));
            at = end;
        } else {
            let rest: String = characters[at..characters.len().min(at + 2)].iter().collect();
            let Some((sign, meaning)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) else {
                let reason = match c {
                    '=' => "'=' has no place in a formula; write the right-hand side alone".to_owned(),
                    '[' | '{' => format!("'{c}' has no meaning here; use round brackets"),
                    '·' | '×' => format!("'{c}' has no meaning here; multiply with '*'"),
                    '−' | '–' => format!("'{c}' is not the minus sign of a keyboard; write '-'"),
                    _ => format!("'{c}' has no meaning here; a formula is made of numbers, names and + - * / ^ ( ) ,"),
                };
                return Err(wrong(column, reason));
            };
            found.push((Token::Sign(meaning), column));
            at += sign.len();
        }
    }
    Ok(found)
}

struct Reader<'a> {
    tokens: Vec<(Token, usize)>,
    at: usize,
    /// The column after the last character.
    end: usize,
    names: &'a [&'a str],
    depth: usize,
    steps: Vec<Step>,
    columns: Vec<usize>,
}

impl Reader<'_> {
    /// The column of what comes next.
    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(_, column)| *column)
    }

    fn peek(&self) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some((Token::Sign(sign), _)) => Some(*sign),
            _ => None,
        }
    }

    /// Takes one of `signs` if it comes next, and says where it stands.
    fn take(&mut self, signs: &[&str]) -> Option<(&'static str, usize)> {
        let sign = self.peek().filter(|sign| signs.contains(sign))?;
        let column = self.column();
        self.at += 1;
        Some((sign, column))
    }

    fn push(&mut self, step: Step, column: usize) -> usize {
        self.steps.push(step);
        self.columns.push(column);
        self.steps.len() - 1
    }

    fn sum(&mut self) -> Result<usize, Wrong> {
        let mut left = self.product()?;
        while let Some((sign, column)) = self.take(&["+", "-"]) {
            let right = self.product()?;
            let step = if sign == "+" { Step::Add(left, right) } else { Step::Subtract(left, right) };
            left = self.push(step, column);
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<usize, Wrong> {
        let mut left = self.signed()?;
        while let Some((sign, column)) = self.take(&["*", "/"]) {
            let right = self.signed()?;
            let step = if sign == "*" { Step::Multiply(left, right) } else { Step::Divide(left, right) };
            left = self.push(step, column);
        }
        Ok(left)
    }

    /// `-x^2` is `-(x^2)`, `x^-2` is allowed, and `2^3^2` is `2^(3^2)`, as in Python, Fortran and on paper.
    fn signed(&mut self) -> Result<usize, Wrong> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(wrong(self.column(), format!("more than {DEEPEST} brackets or signs within each other")));
        }
        let value = match self.take(&["+", "-"]) {
            Some(("-", column)) => {
                let value = self.signed()?;
                // A negative number is a constant, also as an exponent.
                match self.steps[value] {
                    Step::Constant(number) => {
                        self.steps[value] = Step::Constant(-number);
                        value
                    }
                    _ => self.push(Step::Negate(value), column),
                }
            }
            Some(_) => self.signed()?,
            None => {
                let base = self.operand()?;
                match self.take(&["^"]) {
                    Some((_, column)) => {
                        let exponent = self.signed()?;
                        self.push(Step::Power(base, exponent), column)
                    }
                    None => base,
                }
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&mut self) -> Result<usize, Wrong> {
        let column = self.column();
        let Some((token, _)) = self.tokens.get(self.at).cloned() else {
            return Err(wrong(column, "the formula ends where a number, a name or '(' should follow"));
        };
        self.at += 1;
        match token {
            Token::Number(number) => Ok(self.push(Step::Constant(number), column)),
            Token::Name(name) if self.peek() == Some("(") => self.call(&name, column),
            Token::Name(name) => self.quantity(&name, column),
            Token::Sign("(") => {
                let value = self.sum()?;
                self.close(column)?;
                Ok(value)
            }
            Token::Sign(sign) => Err(wrong(column, format!("'{sign}' stands where a number, a name or '(' should be"))),
        }
    }

    fn close(&mut self, opened: usize) -> Result<(), Wrong> {
        match self.tokens.get(self.at) {
            Some((Token::Sign(")"), _)) => {
                self.at += 1;
                Ok(())
            }
            None => Err(wrong(opened, "the bracket that opens here is never closed")),
            Some((token, column)) => Err(wrong(*column, self.not_an_operator(token))),
        }
    }

    /// What to say of a token where only an operator could follow.
    fn not_an_operator(&self, token: &Token) -> String {
        match token {
            Token::Sign(")") => "this bracket closes none that is open".to_owned(),
            Token::Sign(sign @ ("<" | ">" | "<=" | ">=")) => {
                format!("'{sign}' belongs into the condition of an if: if(t < t0, a, b)")
            }
            Token::Sign(",") => "a comma belongs between the arguments of min, max and if".to_owned(),
            token => format!("'{}' follows without an operator; multiply with '*'", token.text()),
        }
    }

    fn quantity(&mut self, name: &str, column: usize) -> Result<usize, Wrong> {
        if let Some(input) = self.names.iter().position(|known| *known == name) {
            return Ok(self.push(Step::Input(input), column));
        }
        if name == "pi" {
            return Ok(self.push(Step::Constant(std::f64::consts::PI), column));
        }
        if Function::named(name).is_some() || RESERVED.contains(&name) {
            return Err(wrong(column, format!("{name} is a function; write its argument in brackets")));
        }
        let (hint, known) = (suggestion(name, self.names.iter().copied()), self.names.join(", "));
        let reason =
            format!("unknown name '{name}'; {hint}known here: {known}; a parameter needs an entry in `parameters`");
        Err(wrong(column, reason))
    }

    fn call(&mut self, name: &str, column: usize) -> Result<usize, Wrong> {
        let opened = self.column();
        self.at += 1;
        let count = |got: usize, needs: &str| {
            wrong(column, format!("{name} has {got} argument{} but takes {needs}", if got == 1 { "" } else { "s" }))
        };
        if name == "if" {
            return self.choice(column, opened);
        }
        let function = Function::named(name);
        if function.is_none() && !["min", "max"].contains(&name) {
            return Err(wrong(column, self.no_function(name)));
        }
        let mut arguments = Vec::new();
        if self.take(&[")"]).is_some() {
            return Err(count(0, if function.is_some() { "1" } else { "2 or more" }));
        }
        loop {
            arguments.push(self.sum()?);
            if self.take(&[","]).is_none() {
                break;
            }
        }
        self.close(opened)?;
        match (function, arguments.as_slice()) {
            (Some(function), [argument]) => Ok(self.push(Step::Call(function, *argument), column)),
            (Some(_), more) => Err(count(more.len(), "1")),
            (None, [_] | []) => Err(count(1, "2 or more")),
            (None, [first, others @ ..]) => {
                let mut best = *first;
                for &next in others {
                    let step = if name == "min" { Step::Least(best, next) } else { Step::Greatest(best, next) };
                    best = self.push(step, column);
                }
                Ok(best)
            }
        }
    }

    /// `if(a < b, then, otherwise)`.
    fn choice(&mut self, column: usize, opened: usize) -> Result<usize, Wrong> {
        const SHAPE: &str = "an if is written if(a < b, then, otherwise), with <, <=, > or >=";
        let first = self.sum()?;
        let Some((sign, _)) = self.take(&["<", "<=", ">", ">="]) else {
            return Err(wrong(self.column(), SHAPE));
        };
        let second = self.sum()?;
        let mut branch = || {
            self.take(&[","]).ok_or_else(|| wrong(self.column(), SHAPE))?;
            self.sum()
        };
        let (then, otherwise) = (branch()?, branch()?);
        self.close(opened)?;
        let (left, right) = if sign.starts_with('<') { (first, second) } else { (second, first) };
        Ok(self.push(Step::Choose { or_equal: sign.ends_with('='), left, right, then, otherwise }, column))
    }

    fn no_function(&self, name: &str) -> String {
        if self.names.contains(&name) {
            return format!("'{name}' is a quantity, not a function; multiply with '*'");
        }
        if name == "log" {
            return "'log' means two things; write ln for the natural and log10 for the decimal logarithm".to_owned();
        }
        let known = || Function::ALL.iter().map(|(known, _)| *known).chain(["min", "max", "if"]);
        let hint = suggestion(name, known());
        format!("unknown function '{name}'; {hint}known are {}", known().collect::<Vec<_>>().join(", "))
    }
}

/// `did you mean ...? `, with the names that are most like `name`, if any is close: for a slip of the finger, not for another word.
fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let length = |name: &str| name.chars().count();
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let close = |(distance, other): &(usize, &str)| {
        *distance <= (length(name) / 3).max(1) && *distance < length(name).max(length(other))
    };
    let close: Vec<(usize, &str)> = known.map(|other| (distance(other), other)).filter(close).collect();
    let least = close.iter().map(|(distance, _)| *distance).min();
    let nearest = close.iter().filter(|(distance, _)| Some(*distance) == least).map(|(_, other)| format!("'{other}'"));
    match nearest.collect::<Vec<_>>().join(" or ") {
        none if none.is_empty() => none,
        names => format!("did you mean {names}? "),
    }
}
