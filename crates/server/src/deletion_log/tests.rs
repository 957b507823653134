//! A deletion log on a disk: what is written is read, what was cut short is cut off, what is damaged is found.

use super::read::{LogError, Reader};
use super::*;
use onefold_core::gone::{DeletionLog as _, GonePerson};
use onefold_core::id::{OrgId, Ucid};
use onefold_core::profile::Suppressing;
use onefold_core::service::erase::Deletion;
use onefold_core::tables::RowHash;
use std::fs;
use tempfile::TempDir;

fn person(number: u128) -> Gone {
    Gone::Person(GonePerson {
        org: OrgId::new(7).unwrap(),
        region: "EU".parse().unwrap(),
        ucid: Ucid::from_u128(number),
        at: 5,
        deletion: 9,
        tiles: vec![Ucid::from_u128(number), Ucid::from_u128(number + 1)],
        aliases: vec![RowHash([number as u8; 16]), RowHash([0xff; 16])],
        suppress: match number % 2 {
            0 => vec![],
            _ => vec![Suppressing {
                same: RowHash([3; 16]),
                kind: "email".into(),
                writings: vec![writing(4), writing(5)],
            }],
        },
    })
}

fn writing(number: u8) -> (Box<str>, RowHash) {
    ("email".into(), RowHash([number; 16]))
}

fn call() -> Gone {
    let record = Deletion { at: 6, region: "UK".parse().unwrap(), deleted: vec![Ucid::from_u128(1)], requested: 3 };
    Gone::Call { org: OrgId::new(7).unwrap(), deletion: 9, record }
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deletions.log");
    (dir, path)
}

fn open(path: &Path) -> DeletionLog {
    DeletionLog::open(path, "ours", "fresh").unwrap()
}

fn refusal(path: &Path) -> LogError {
    DeletionLog::open(path, "ours", "fresh").err().expect("refused")
}

fn all(path: &Path) -> Result<Vec<Gone>, LogError> {
    let (mut reader, mut all) = (Reader::open(path)?, Vec::new());
    while let Some(said) = reader.next()? {
        match said {
            Said::Gone(gone) => all.push(gone),
            Said::Key(_) => panic!("nobody wrote one"),
        }
    }
    Ok(all)
}

#[tokio::test]
async fn what_is_appended_is_read_in_its_order_also_after_a_restart() {
    let (_dir, path) = place();
    let log = open(&path);
    log.append(person(1)).await.unwrap();
    log.append(call()).await.unwrap();
    drop(log);
    let log = open(&path);
    log.append(person(300)).await.unwrap();
    assert_eq!(all(&path).unwrap(), [person(1), call(), person(300)]);
    assert_eq!(log.mark().bytes, fs::metadata(&path).unwrap().len());
}

#[tokio::test]
async fn a_mark_is_met_by_the_log_that_goes_on_from_it_and_by_no_other() {
    let (_dir, path) = place();
    let log = open(&path);
    let begun = log.mark();
    log.append(person(1)).await.unwrap();
    let older = fs::read(&path).unwrap();
    log.append(person(2)).await.unwrap();
    let mark = log.mark();
    log.append(person(3)).await.unwrap();
    let meets = |mark: &Mark| {
        let mut reader = Reader::open(&path).unwrap().looking_for(mark);
        while reader.next().unwrap().is_some() {}
        reader.has_met().is_ok()
    };
    assert!(meets(&begun) && meets(&mark) && meets(&log.mark()));
    assert!(!meets(&Mark { log: "other".into(), ..mark.clone() }));
    drop(log);
    fs::write(&path, older).unwrap();
    assert!(meets(&begun) && !meets(&mark), "an older copy");
    let log = open(&path);
    log.append(person(4)).await.unwrap();
    log.append(person(5)).await.unwrap();
    assert!(meets(&begun) && !meets(&mark), "nor where it went on another way");
}

#[tokio::test]
async fn a_data_directory_does_not_go_on_beside_a_log_that_lost_what_was_in_it() {
    let (dir, path) = place();
    let (log, data) = (open(&path), dir.path());
    log.go_on_beside(data).unwrap();
    log.append(person(1)).await.unwrap();
    let older = fs::read(&path).unwrap();
    log.append(person(2)).await.unwrap();
    drop(log);
    let whole = fs::read(&path).unwrap();
    open(&path).go_on_beside(data).unwrap();
    let first = older.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for shorter in [&older[..], &older[..first]] {
        fs::write(&path, shorter).unwrap();
        let refused = open(&path).go_on_beside(data);
        assert!(matches!(refused, Err(LogError::Shorter(_))), "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), shorter, "nothing was changed");
    }
    fs::write(&path, &older).unwrap();
    let log = open(&path);
    log.append(person(3)).await.unwrap();
    log.append(person(4)).await.unwrap();
    assert!(log.go_on_beside(data).is_err(), "nor beside one that went on another way");
    drop(log);
    fs::write(&path, whole).unwrap();
    let log = open(&path);
    log.go_on_beside(data).unwrap();
    log.append(person(5)).await.unwrap();
    drop(log);
    fs::remove_file(&path).unwrap();
    let log = open(&path);
    log.go_on_beside(data).unwrap();
    assert_eq!(log.mark().log, "fresh", "a new one is begun, and that is in the server's log");
}

#[tokio::test]
async fn the_mark_follows_by_itself() {
    let (dir, path) = place();
    let log = open(&path);
    log.go_on_beside(dir.path()).unwrap();
    log.append(person(1)).await.unwrap();
    let kept = || serde_json::from_slice::<Mark>(&fs::read(dir.path().join(MARK)).unwrap()).unwrap();
    for _ in 0..100 {
        if kept() == log.mark() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{:?} is not {:?}", kept(), log.mark());
}

#[tokio::test]
async fn nothing_is_acknowledged_that_went_into_a_file_which_is_no_longer_there() {
    let (_dir, path) = place();
    let log = open(&path);
    log.append(person(1)).await.unwrap();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    assert!(matches!(log.append(person(2)).await, Err(StoreError::Unavailable(_))));
    fs::write(&path, "another file").unwrap();
    assert!(log.append(person(2)).await.is_err());
    fs::rename(&aside, &path).unwrap();
    log.append(person(3)).await.unwrap();
    assert_eq!(all(&path).unwrap(), [person(1), person(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_all_there() {
    let (_dir, path) = place();
    let log = open(&path);
    let tasks = (0..100).map(|number| {
        let log = log.clone();
        tokio::spawn(async move { log.append(person(number)).await })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(all(&path).unwrap().len(), 100);
}

#[tokio::test]
async fn a_line_that_was_cut_short_is_left_out_and_cut_off() {
    let (_dir, path) = place();
    let log = open(&path);
    log.append(person(1)).await.unwrap();
    log.append(person(2)).await.unwrap();
    drop(log);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let second = first + whole[first..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [second + 1, second + 40, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(all(&path).unwrap(), [person(1)], "{cut}");
        let log = open(&path);
        log.append(person(3)).await.unwrap();
        assert_eq!(all(&path).unwrap(), [person(1), person(3)], "{cut}");
    }
    for cut in [0, 1, first - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        drop(open(&path));
        assert_eq!(all(&path).unwrap(), [], "{cut}: a first start that was cut short");
    }
    fs::write(&path, [0; 64]).unwrap();
    drop(open(&path));
}

#[tokio::test]
async fn damage_is_found_wherever_it_is() {
    let (_dir, path) = place();
    let log = open(&path);
    for number in 1..=3 {
        log.append(person(number)).await.unwrap();
    }
    drop(log);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let missing = [lines[0], lines[1], lines[3]].concat();
    let swapped = [lines[0], lines[2], lines[1], lines[3]].concat();
    let changed = whole.replacen("\"at\":5", "\"at\":6", 1);
    for text in [missing, swapped, changed] {
        fs::write(&path, text).unwrap();
        assert!(matches!(all(&path), Err(LogError::Damaged(..))));
    }
    fs::write(&path, whole.replace(lines[3], &lines[3].replace("\"at\":5", "\"at\":6"))).unwrap();
    assert!(matches!(refusal(&path), LogError::DamagedEnd(_)));
    fs::write(&path, "holiday pictures\n").unwrap();
    assert!(matches!(refusal(&path), LogError::NotOne(_)));
    fs::write(&path, "holiday pictures").unwrap();
    assert!(matches!(refusal(&path), LogError::NotOne(_)));
    fs::write(&path, whole.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
    assert!(matches!(refusal(&path), LogError::Newer(_)));
}

#[tokio::test]
async fn it_is_of_one_server_and_one_deployment() {
    let (_dir, path) = place();
    let log = open(&path);
    assert!(matches!(refusal(&path), LogError::InUse(_)));
    drop(log);
    let other = DeletionLog::open(&path, "another", "fresh").err().expect("refused");
    assert!(matches!(other, LogError::OtherDeployment(_)));
    assert!(matches!(all(&path.with_extension("none")), Err(LogError::Missing(_))));
}

#[tokio::test]
async fn its_end_is_found_behind_lines_of_any_length() {
    let (_dir, path) = place();
    let log = open(&path);
    let Gone::Person(one) = person(1) else { unreachable!() };
    let long = Gone::Person(GonePerson { aliases: vec![RowHash([1; 16]); 5_000], ..one });
    for _ in 0..3 {
        log.append(long.clone()).await.unwrap();
    }
    drop(log);
    open(&path).append(person(2)).await.unwrap();
    assert_eq!(all(&path).unwrap().len(), 4);
}
