//! Downloads from `file://` and from a server on the loopback device that, like many mirrors, serves no ranges.

use super::*;
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// A check that wants exactly `text` and counts how often it was asked.
struct Wants(&'static str, RefCell<usize>);

impl Wants {
    fn new(text: &'static str) -> Self {
        Self(text, RefCell::new(0))
    }

    fn get(&self, tool: Tool, url: &str, target: &Path) -> Result<PathBuf> {
        download(tool, url, target, Some(self.0.len() as u64), &|path| {
            *self.1.borrow_mut() += 1;
            let got = fs::read_to_string(path)?;
            anyhow::ensure!(got == self.0, "{got:?} is not {:?}", self.0);
            Ok(())
        })
    }
}

fn source(folder: &Path, text: &str) -> String {
    let file = folder.join("source");
    fs::write(&file, text).unwrap();
    format!("file://{}", file.display())
}

/// Answers every request with `text` as a plain 200, whatever range was asked for; 404 for paths that end in `absent`.
fn server(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            lines.read_line(&mut request).unwrap();
            let mut header = String::new();
            while lines.read_line(&mut header).is_ok_and(|read| read > 2) {
                header.clear();
            }
            let absent = request.split(' ').nth(1).is_some_and(|path| path.ends_with("absent"));
            let (status, body) = if absent { ("404 Not Found", "") } else { ("200 OK", text) };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok();
        }
    });
    format!("http://{address}")
}

/// Those that are installed; set-up wants one of them.
fn tools() -> Vec<Tool> {
    let all = [("curl", Tool::Curl), ("python3", Tool::Python)];
    let tools = all.into_iter().filter(|(name, _)| process::find(name).is_some());
    let tools = tools.map(|(_, tool)| tool).collect::<Vec<_>>();
    assert!(!tools.is_empty(), "neither curl nor python3 is installed");
    tools
}

#[test]
fn a_file_arrives_whole_and_leaves_nothing_else() {
    for tool in tools() {
        let folder = tempfile::tempdir().unwrap();
        let (url, target) = (source(folder.path(), "content"), folder.path().join("new/target"));
        Wants::new("content").get(tool, &url, &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "content");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "{tool:?}");
    }
}

#[test]
fn what_an_earlier_run_left_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    // The first half is the earlier run's: only a resumed transfer can give this mixture.
    let (url, target) = (source(folder.path(), "old half, new half"), folder.path().join("target"));
    fs::write(folder.path().join("target.partial"), "OLD HALF,").unwrap();
    let wants = Wants::new("OLD HALF, new half");
    if tools().contains(&Tool::Curl) {
        wants.get(Tool::Curl, &url, &target).unwrap();
        assert_eq!(*wants.1.borrow(), 1);
    }
}

#[test]
fn a_wrong_start_is_thrown_away_and_fetched_again() {
    for tool in tools() {
        for leftover in ["rubbish", "rubbish as long as i", "rubbish that is far longer than the file"] {
            let folder = tempfile::tempdir().unwrap();
            let text = "the whole of a file.";
            let (url, target) = (source(folder.path(), text), folder.path().join("target"));
            fs::write(folder.path().join("target.partial"), leftover).unwrap();
            Wants::new("the whole of a file.").get(tool, &url, &target).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), text, "{tool:?} after {leftover:?}");
        }
    }
}

#[test]
fn a_complete_leftover_needs_no_transfer() {
    for tool in tools() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(folder.path().join("target.partial"), "content").unwrap();
        Wants::new("content").get(tool, "file:///no/such/file", &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "content");
        // Nor does the target itself.
        Wants::new("content").get(tool, "file:///no/such/file", &target).unwrap();
        fs::write(&target, "damaged").unwrap();
        assert!(Wants::new("content").get(tool, "file:///no/such/file", &target).is_err());
    }
}

#[test]
fn a_server_without_ranges_is_asked_from_the_start() {
    let url = server("content of the file");
    for tool in tools() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(folder.path().join("target.partial"), "content").unwrap();
        Wants::new("content of the file").get(tool, &format!("{url}/file"), &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "content of the file", "{tool:?}");
    }
}

#[test]
fn what_fails_its_check_is_never_put_in_place() {
    for tool in tools() {
        let folder = tempfile::tempdir().unwrap();
        let (url, target) = (source(folder.path(), "a login page"), folder.path().join("target"));
        let error = Wants::new("data").get(tool, &url, &target).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("not what it should be") && text.contains("a login page"), "{text}");
        assert!(!target.exists() && !folder.path().join("target.partial").exists(), "{tool:?}");
    }
}

#[test]
fn a_source_that_is_not_there_says_so() {
    let url = server("content");
    for tool in tools() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        for partial in [false, true] {
            if partial {
                fs::write(folder.path().join("target.partial"), "con").unwrap();
            }
            let absent = format!("{url}/absent");
            let error = Wants::new("content").get(tool, &absent, &target).unwrap_err().to_string();
            let said = match tool {
                Tool::Curl => "does not have it",
                Tool::Python => "404",
            };
            assert!(error.contains(said), "{error}");
            assert!(!target.exists());
        }
    }
    // Nobody listens on a port that was just given back.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for tool in tools() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let error = Wants::new("x").get(tool, &format!("http://{closed}/x"), &target).unwrap_err();
        assert!(error.to_string().contains("refuse"), "{error}");
    }
}

#[test]
fn messages_name_the_host() {
    assert_eq!(host("https://a.example/b/c.zip"), "a.example");
    assert_eq!(host("file:///a/b"), "file:///a/b");
}
