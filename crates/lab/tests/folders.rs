//! Folders that vanish and disks that are full.

use greylag_lab::{Scratch, SmallDisk, limit_file_size};

#[test]
fn a_scratch_folder_vanishes() {
    let scratch = Scratch::new().unwrap();
    let path = scratch.path().to_owned();
    std::fs::write(scratch.file("shard.db"), "x").unwrap();
    assert!(scratch.sqlite_url("shard.db").ends_with("/shard.db"));
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn a_filled_disk_takes_nothing_until_emptied() {
    let Some(disk) = SmallDisk::mount(64 * 1024).unwrap() else {
        return;
    };
    let path = disk.path().to_owned();
    std::fs::write(path.join("before"), "x").unwrap();
    disk.fill().unwrap();
    let error = std::fs::write(path.join("more"), vec![1; 8_192]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    disk.empty().unwrap();
    std::fs::write(path.join("more"), vec![1; 8_192]).unwrap();
    drop(disk);
    assert!(!path.exists());
}

#[test]
fn a_limited_command_cannot_write_a_large_file() {
    let scratch = Scratch::new().unwrap();
    let output = limit_file_size("dd".as_ref(), 4)
        .arg("if=/dev/zero")
        .arg(format!("of={}", scratch.file("large").display()))
        .args(["bs=1024", "count=16"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(
        std::fs::metadata(scratch.file("large")).unwrap().len(),
        4 * 1024
    );
}

#[test]
fn what_a_vanished_process_left_is_swept_away() {
    // No process has that number: the kernel's largest is 4194304.
    let base = Scratch::new()
        .unwrap()
        .path()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_owned();
    let left = base.join("gl-99999999-dead");
    std::fs::create_dir_all(left.join("p123456/data")).unwrap();
    // Each process sweeps before it makes its own folder: have another one do so.
    let swept = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_scratch_folder_vanishes"])
        .output()
        .unwrap();
    assert!(swept.status.success());
    assert!(!left.exists());
}
