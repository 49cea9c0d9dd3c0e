// Runs the cases that standard input lists, `program TAB case TAB arguments`; standard error takes `SOH program TAB case TAB outcome`:
// `=` and the result, `!` and the message of a panic, `?unfit` where a type cannot hold the input. A case that uses up its time ends the process.

use std::cell::RefCell;
use std::io::{BufRead, Write};
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};

#[repr(C)]
struct Interval {
    every_s: i64,
    every_us: i64,
    first_s: i64,
    first_us: i64,
}
extern "C" {
    fn setitimer(which: i32, new: *const Interval, old: *mut Interval) -> i32;
    fn setrlimit(what: i32, limits: *const [u64; 2]) -> i32;
}
const CPU_OF_THE_PROCESS: i32 = 1; // ITIMER_VIRTUAL; its signal ends a process that does not expect it
const OPEN_FILES: i32 = if cfg!(target_os = "linux") { 7 } else { 8 };

const SHOWN: usize = 10_000; // bytes of a result that are kept

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

fn main() {
    unsafe { setrlimit(OPEN_FILES, &[3, 3]) }; // the loader needed one more; from here on neither a file nor a socket can be opened
    let micros: i64 = std::env::args().nth(1).unwrap().parse().unwrap();
    set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().cloned().or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()));
        MESSAGE.with(|message| *message.borrow_mut() = text.unwrap_or_default());
    }));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut fields = line.splitn(3, '\t');
        let (program, case, arguments) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        let number: usize = program.parse().unwrap();
        let time = Interval { every_s: 0, every_us: 0, first_s: micros / 1_000_000, first_us: micros % 1_000_000 };
        unsafe { setitimer(CPU_OF_THE_PROCESS, &time, std::ptr::null_mut()) };
        let result = catch_unwind(AssertUnwindSafe(|| call(number, &mut prelude::Case::new(arguments))));
        let outcome = match result {
            Ok(text) if text.len() > SHOWN => "?long".to_string(),
            Ok(text) => format!("={text}"),
            Err(_) => MESSAGE.with(|message| match message.borrow().as_str() {
                prelude::UNFIT => "?unfit".to_string(),
                text => format!("!{}", text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect::<String>()),
            }),
        };
        let _ = writeln!(std::io::stderr(), "\u{1}{program}\t{case}\t{outcome}");
    }
}
