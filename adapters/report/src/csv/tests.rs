use std::fs;

use super::*;

const METRICS: &str = r#"{"event":"run","task":"ledger","attempts":2}
{"event":"warm","phase":1,"step":1,"loss":2.5}
{"event":"warm","phase":2,"step":2,"loss":2.25,"p_fix_wrong":12.5}
{"event":"eval","stage":"base","rl_step":0,"final":true,"acc_t1":40.0,"acc_t2":40.5,"delta":0.5,"p_fix_wrong":null,"n":2000,"acc":[40.0,40.5]}
{"event":"step","stage":"stage_one","step":1,"rl_step":1,"loss":-0.30000000000000004,"reward":[0.25,0.5],"verdicts":{"right":3,"wrong":5}}
{"event":"eval","stage":"stage_one","rl_step":1,"final":false,"acc_t1":41.0,"acc_t2":50.0,"delta":9.0,"p_fix_wrong":2.0,"n":500,"acc":[41.0,50.0]}
{"event":"step","stage":"stage_one","step":2,"rl_step":2,"loss":1e-7,"reward":[0.25,1.0],"verdicts":{"right":4,"unparseable":4}}
{"event":"eval","stage":"stage_one","rl_step":2,"final":true,"acc_t1":42.0,"acc_t2":60.0,"delta":18.0,"p_fix_wrong":3.0,"n":2000,"acc":[42.0,60.0]}
{"event":"eval","stage":"stage_one","rl_step":2,"final":false,"acc_t1":0.0,"acc_t2":0.0,"delta":0.0,"p_fix_wrong":0.0,"n":500,"acc":[0.0,0.0]}
{"event":"step","stage":"stage_two","step":1,"rl_step":3,"loss":null,"reward":[0.5,0.75],"verdicts":{"right":8}}
"#;
const TIMES: &str =
    "{\"line\":2,\"seconds\":0.5}\n{\"line\":5,\"seconds\":3.25}\n{\"line\":6,\"seconds\":4}\n{\"line\":10,\"seconds\":9.125}\n";

fn table(run: &Path, table: Table) -> Result<(u64, String), CsvError> {
    let mut out = Vec::new();
    let rows = write(run, table, &mut out)?;
    Ok((rows, String::from_utf8(out).unwrap()))
}

fn run(metrics: &str) -> tempfile::TempDir {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join("metrics.jsonl"), metrics).unwrap();
    fs::write(run.path().join("times.jsonl"), TIMES).unwrap();
    run
}

#[test]
fn a_row_holds_a_step_and_the_evaluation_after_it() {
    let run = run(METRICS);
    let expected = "\
stage,step,rl_step,seconds,loss,reward_t1,reward_t2,verdicts_right,verdicts_wrong,verdicts_unparseable,\
eval_acc_t1,eval_acc_t2,eval_delta,eval_n,eval_p_fix_wrong
base,,0,,,,,,,,40.0,40.5,0.5,2000,
stage_one,1,1,3.25,-0.30000000000000004,0.25,0.5,3,5,0,41.0,50.0,9.0,500,2.0
stage_one,2,2,,1e-7,0.25,1.0,4,0,4,42.0,60.0,18.0,2000,3.0
stage_two,1,3,9.125,,0.5,0.75,8,0,0,,,,,
";
    assert_eq!(table(run.path(), Table::Steps).unwrap(), (4, expected.into()));
}

#[test]
fn verdicts_of_each_attempt_have_columns_and_older_logs_keep_theirs() {
    let run = run(r#"{"event":"step","stage":"stage_one","step":1,"rl_step":1,"verdicts":{"right":3,"wrong":5}}
{"event":"eval","stage":"stage_one","rl_step":1,"final":false,"n":4}
{"event":"step","stage":"stage_one","step":2,"rl_step":2,"verdicts":[{"right":1,"truncated":3},{"right":4}]}
{"event":"eval","stage":"stage_one","rl_step":2,"final":true,"n":4,"verdicts":[{"wrong":4},{"right":3,"failed":1}],"examples":[{"verdict":"wrong","attempt":1}]}
"#);
    let expected = "\
stage,step,rl_step,seconds,verdicts_right,verdicts_wrong,verdicts_right_t1,verdicts_truncated_t1,verdicts_right_t2,\
eval_n,eval_verdicts_wrong_t1,eval_verdicts_right_t2,eval_verdicts_failed_t2
stage_one,1,1,,3,5,,,,4,,,
stage_one,2,2,0.5,,,1,3,4,4,4,3,1
";
    // The times are those of other lines.
    assert_eq!(
        table(run.path(), Table::Steps).unwrap().1.replace(",0.5,", ",,").replace(",3.25,", ",,"),
        expected.replace(",0.5,", ",,")
    );
}

#[test]
fn evaluations_and_the_warm_start_have_tables_of_their_own() {
    let run = run(METRICS);
    let expected = "phase,step,seconds,loss,p_fix_wrong\n1,1,0.5,2.5,\n2,2,,2.25,12.5\n";
    assert_eq!(table(run.path(), Table::Warm).unwrap(), (2, expected.into()));
    let (rows, evals) = table(run.path(), Table::Evals).unwrap();
    let lines: Vec<&str> = evals.lines().collect();
    assert_eq!((rows, lines[0]), (4, "stage,rl_step,final,seconds,acc_t1,acc_t2,delta,n,p_fix_wrong"));
    assert_eq!(lines[2], "stage_one,1,false,4,41.0,50.0,9.0,500,2.0");
}

#[test]
fn a_row_of_episodes_is_an_attempt_and_any_text_survives() {
    let run = run(METRICS);
    let text = "so,\r\n it is \"4\"\u{1b}[2J";
    let attempt = |text: &str| serde_json::json!({"ids": [1, 2], "text": text, "logprobs": [-0.5, -0.25], "reward": 1.0, "verdict": "right", "stop": "end_token"});
    let episode = serde_json::json!({"stage": "stage_one", "step": 1, "rl_step": 1, "problem": 3, "sample": 0, "prompt": "2+2", "reference": "4",
        "attempts": [attempt(text), attempt("4")]});
    fs::write(run.path().join("episodes.jsonl"), format!("{episode}\n")).unwrap();
    let (rows, written) = table(run.path(), Table::Episodes).unwrap();
    assert_eq!(rows, 2);
    assert_eq!(
        written.lines().next().unwrap(),
        "stage,step,rl_step,problem,sample,prompt,reference,attempt,text,reward,verdict,why,stop,tokens,sampling_logprob"
    );
    assert!(written.contains(&format!("1,\"{}\",1.0,", text.replace('"', "\"\""))), "{written}");
    assert!(written.ends_with("stage_one,1,1,3,0,2+2,4,2,4,1.0,right,,end_token,2,-0.75\n"), "{written}");

    fs::write(run.path().join("episodes.jsonl"), "{\"attempts\":3}\n").unwrap();
    assert!(table(run.path(), Table::Episodes).unwrap_err().to_string().contains("episodes.jsonl, line 1"));
}

#[test]
fn of_a_damaged_log_nothing_is_written_and_the_line_is_named() {
    let run = run(&format!("{METRICS}{{\"event\":\n"));
    let mut out = Vec::new();
    let error = write(run.path(), Table::Steps, &mut out).unwrap_err().to_string();
    assert!(out.is_empty() && error.contains("metrics.jsonl, line 11"), "{error}");
    // The unfinished last line of a killed run is no damage.
    fs::write(run.path().join("metrics.jsonl"), format!("{METRICS}{{\"event\":")).unwrap();
    assert_eq!(table(run.path(), Table::Steps).unwrap().0, 4);
}

#[test]
fn no_log_makes_a_table_without_bounds() {
    let keys: Vec<String> = (0..3000).map(|i| format!("\"x{i}\":{i}")).collect();
    let wide = run(&format!("{{\"event\":\"warm\",{}}}\n", keys.join(",")));
    assert_eq!(table(wide.path(), Table::Warm).unwrap().1.lines().next().unwrap().split(',').count(), 3 + MAX_COLUMNS);
    let many: String = (0..3000).map(|i| format!("{{\"event\":\"warm\",\"x{i}\":{i}}}\n")).collect();
    assert!(table(run(&many).path(), Table::Warm).unwrap_err().to_string().contains("more than 1024"));
    let list = run(&format!("{{\"event\":\"warm\",\"x\":[{}1]}}\n", "1,".repeat(100_000)));
    assert_eq!(table(list.path(), Table::Warm).unwrap().1.lines().next().unwrap().split(',').count(), 3 + 255);
}
