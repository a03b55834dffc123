mod common;

use common::check;

#[test]
fn letters() {
    check("a.txt", "a.txt", true);
    check("a.txt", "a.tx", false);
    check("a/b", "a/b", true);
}

#[test]
fn a_star_and_a_question_mark() {
    check("*.txt", "notes.txt", true);
    check("*.txt", ".txt", true);
    check("a?c", "abc", true);
    check("a?c", "ac", false);
}

#[test]
fn neither_matches_a_slash() {
    check("*.txt", "a/b.txt", false);
    check("a*c", "a/c", false);
    check("a?c", "a/c", false);
}

#[test]
fn two_stars_are_any_folders() {
    check("**/b", "b", true);
    check("**/b", "x/y/b", true);
    check("**/b", "x/yb", false);
    check("a/**/b", "a/b", true);
    check("a/**/b", "a/x/y/b", true);
    check("a/**/*.txt", "a/x/b.txt", true);
}

#[test]
fn two_stars_at_the_end_are_everything_below() {
    check("a/**", "a/b", true);
    check("a/**", "a/b/c", true);
    check("a/**", "a", false);
    check("a/**", "b/c", false);
    check("**", "a/b", true);
    check("a/*/c/**", "a/b/d/c/e", false);
}
