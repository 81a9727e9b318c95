"""The operator's commands against a test server: what they print, for people and as JSON, and how they fail."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

import pytest
from conftest import ACCESS_KEY, BINARY, SECRET_KEY, wait_for


def hearth_command(server, *arguments, **environment):
    env = dict(os.environ, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_ENDPOINT_URL=server.url, AWS_REGION="us-east-1",
               AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
    env.update(environment)
    return [str(BINARY), *arguments], env


def run(server, *arguments, **environment):
    command, env = hearth_command(server, *arguments, **environment)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def answer(server, *arguments):
    result = run(server, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def put_lines(hearth, group, stream, *messages, at_ms=None):
    logs = hearth.client("logs")
    at_ms = at_ms or int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at_ms + i, "message": m} for i, m in enumerate(messages)])


@pytest.fixture
def group(hearth):
    logs = hearth.client("logs")
    logs.create_log_group(logGroupName="/app")
    for stream in ("web", "worker"):
        logs.create_log_stream(logGroupName="/app", logStreamName=stream)
    return "/app"


def test_status_says_who_we_are_and_what_is_served(hearth):
    status = answer(hearth, "status")
    assert status["identity"].endswith(":root")
    assert status["services"]["s3"] >= 33 and status["services"]["iam"] >= 69
    assert run(hearth, "status").stdout.startswith("server")


def test_status_shows_an_alarm(hearth):
    cloudwatch = hearth.client("cloudwatch")
    # A state set by hand lasts until the next evaluation (AWS too), and one may come before the command looks; an alarm
    # that ignores missing data stays in it.
    cloudwatch.put_metric_alarm(AlarmName="too-hot", Namespace="n", MetricName="m", Period=60, EvaluationPeriods=1, Threshold=1.0,
                                Statistic="Average", ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
    assert answer(hearth, "status")["alarms"] == {}
    cloudwatch.set_alarm_state(AlarmName="too-hot", StateValue="ALARM", StateReason="80 degrees")
    assert answer(hearth, "status")["alarms"] == {"too-hot": "80 degrees"}


def test_a_server_that_is_not_there_is_said_with_what_to_do(hearth):
    result = run(hearth, "status", "--endpoint-url", "http://127.0.0.1:1")
    assert result.returncode == 1 and "Connection refused" in result.stderr and "hearth serve" in result.stderr


def test_a_wrong_key_is_said_with_what_to_do(hearth):
    result = run(hearth, "logs", AWS_ACCESS_KEY_ID="AKIANOBODYNOBODYNOBO")
    assert result.returncode == 1 and "hearth env" in result.stderr


def refusal(server, *arguments, **environment):
    """What a program reads of a command that fails: the exit code and the one object on standard error."""
    result = run(server, *arguments, "--json", **environment)
    assert result.stdout == "", result.stdout
    [line] = result.stderr.splitlines()
    return result.returncode, json.loads(line)["error"]


def test_failures_are_json_for_programs(hearth):
    code, error = refusal(hearth, "logs", "/nothing")
    assert code == 1 and (error["command"], error["code"], error["status"]) == ("logs", "ResourceNotFoundException", 400)
    assert "does not exist" in error["message"] and len(error["request_id"]) >= 16
    for command in ("status", "ps", "logs", "metrics"):
        code, error = refusal(hearth, command, AWS_ACCESS_KEY_ID="AKIANOBODYNOBODYNOBO")
        assert code == 1 and error["status"] in (400, 401, 403) and error["message"] and error["request_id"] and "hearth env" in error["advice"], error
    code, error = refusal(hearth, "ps", "--endpoint-url", "http://127.0.0.1:1")
    assert code == 1 and error["code"] == "unavailable" and "hearth serve" in error["advice"] and "status" not in error
    code, error = refusal_to_run(hearth, "exec", "i-0123456789abcdef0")
    assert code == 1 and error["code"] == "InvalidInstanceID.NotFound" and "hearth ps -a" in error["advice"]
    code, error = refusal_to_run(hearth, "run", "--type", "x9.huge")
    assert code == 1 and error["code"] == "InvalidInstanceType"


def refusal_to_run(server, *arguments):
    """The same where the option has to stand before the command that is to run."""
    result = run(server, *arguments, "--json", "--", "true")
    assert result.stdout == "", result.stdout
    [line] = result.stderr.splitlines()
    return result.returncode, json.loads(line)["error"]


@pytest.mark.parametrize("words", [["ps", "--no-such-option"], ["logs", "/app", "--since", "yesterday"], ["metrics", "n", "m", "--dimensions", "x"],
                                   ["metrics", "--period", "0"], ["run"], ["exec", "i-0abc"], ["exec"], ["bogus"], ["env", "--wait", "-1"]],
                         ids=" ".join)
def test_wrong_use_is_json_for_programs(hearth, words):
    code, error = refusal(hearth, *words)
    assert code == 2 and error["code"] == "invalid" and error["message"]
    people = run(hearth, *words)
    assert people.returncode == 2 and "--help" in people.stderr and error["message"] in people.stderr


def test_a_command_alone_tells_what_there_is(hearth):
    result = run(hearth)
    assert result.returncode == 2 and "serve" in result.stderr and "logs" in result.stderr


def test_nothing_is_an_empty_answer_for_programs(hearth):
    assert answer(hearth, "ps") == [] and answer(hearth, "logs") == [] and answer(hearth, "metrics") == {}


def test_serve_says_why_it_cannot_begin(hearth, tmp_path):
    taken = subprocess.run([BINARY, "serve", "--data", tmp_path, "--listen", hearth.url.removeprefix("http://")], capture_output=True, text=True, timeout=20)
    assert taken.returncode == 1 and "another program serves there" in taken.stderr
    shared = subprocess.run([BINARY, "serve", "--data", hearth.data, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=20)
    assert shared.returncode == 1 and "another hearth serves the data folder" in shared.stderr
    for wrong in (["--listen", "4566"], ["--listen", "127.0.0.1:high"], ["--account-id", "12"], ["--tls-cert", "x"], ["--no-such-option"]):
        result = subprocess.run([BINARY, "serve", "--data", tmp_path, *wrong], capture_output=True, text=True, timeout=20)
        assert result.returncode == 2 and wrong[0] in result.stderr and "hearth serve --help" in result.stderr, result.stderr


def test_without_credentials_a_command_says_where_it_looked(hearth):
    result = run(hearth, "logs", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME="/nowhere", XDG_DATA_HOME="/nowhere", AWS_PROFILE="nobody")
    if result.returncode == 0:
        pytest.skip("this machine has a server's root key in its default data folder")
    assert "AWS_ACCESS_KEY_ID" in result.stderr and "no credentials" in result.stderr


def test_wrong_use_exits_with_2(hearth):
    assert run(hearth, "logs", "/app", "--since", "yesterday").returncode == 2
    assert run(hearth, "metrics", "n", "m", "--dimensions", "x").returncode == 2
    assert run(hearth, "run").returncode == 2
    assert run(hearth, "exec", "i-0abc").returncode == 2
    assert run(hearth, "ps", "--no-such-option").returncode == 2


@pytest.mark.parametrize("command", ["serve", "env", "status", "logs", "metrics", "run", "ps", "exec", "demo", "demo-data"])
def test_help_has_examples(hearth, command):
    result = run(hearth, command, "--help")
    assert result.returncode == 0 and f"hearth {command}" in result.stdout


def test_env_quotes_what_a_shell_evaluates(hearth, tmp_path):
    (tmp_path / "endpoint-url").write_text("http://127.0.0.1:4566\n")
    (tmp_path / "root-credentials.json").write_text(json.dumps({"account_id": "0" * 12, "access_key_id": "AKIA1", "secret_access_key": "a b'c"}))
    shell = subprocess.run(["sh", "-c", f'eval "$({BINARY} env --data {tmp_path})"; printf %s "$AWS_SECRET_ACCESS_KEY"'], capture_output=True, text=True)
    assert shell.stdout == "a b'c"
    missing = run(hearth, "env", "--wait", "0", "--data", str(tmp_path / "none"))
    assert missing.returncode == 1 and "hearth serve" in missing.stderr and not missing.stdout


def test_serve_keeps_its_data_out_of_the_folder_that_instances_see():
    data = pathlib.Path(BINARY).parent / "data"
    refused = subprocess.run([BINARY, "serve", "--data", data, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=20)
    assert refused.returncode != 0 and "instances see that folder" in refused.stderr, refused.stderr
    assert not data.exists()


def test_env_says_nothing_of_a_server_that_has_not_begun_to_serve(tmp_path):
    """What an earlier run left must not send commands to somebody else's port."""
    (tmp_path / "endpoint-url").write_text("http://127.0.0.1:1\n")
    server = subprocess.Popen([BINARY, "serve", "--data", tmp_path, "--listen", "127.0.0.1:0"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: (tmp_path / "endpoint-url").exists() and "127.0.0.1:1\n" not in (tmp_path / "endpoint-url").read_text())
    finally:
        server.terminate()
        server.wait()


def test_env_knows_a_root_key_that_the_environment_gives(tmp_path):
    given = dict(os.environ, HEARTH_ROOT_ACCESS_KEY_ID="AKIAOFTHEENVIRONMENT", HEARTH_ROOT_SECRET_ACCESS_KEY="s" * 40)
    server = subprocess.Popen([BINARY, "serve", "--data", tmp_path, "--listen", "127.0.0.1:0"], stderr=subprocess.DEVNULL, env=given)
    try:
        shown = subprocess.run([BINARY, "env", "--data", tmp_path, "--json"], capture_output=True, text=True, env=given)
        assert json.loads(shown.stdout)["AWS_ACCESS_KEY_ID"] == "AKIAOFTHEENVIRONMENT", shown.stderr
        assert subprocess.run([BINARY, "status", "--data", tmp_path], capture_output=True, env=given).returncode == 0
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("tls", [[], ["--tls-self-signed"]], ids=["http", "https"])
def test_env_finds_the_server_of_a_data_folder(tmp_path, tls):
    """The two commands of README, with a port of the user's choice: nothing else is to be typed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([BINARY, "serve", "--data", tmp_path, "--listen", f"127.0.0.1:{port}", *tls], stderr=subprocess.DEVNULL)
    try:  # at once: the second command waits for the first
        shell = f'eval "$({BINARY} env --data {tmp_path})"; python - <<END\nimport boto3\nprint(boto3.client("sts").get_caller_identity()["Arn"])\nEND'
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, env=environment)
        assert result.stdout.strip().endswith(":root"), result.stderr
        status = subprocess.run(["sh", "-c", f'eval "$({BINARY} env --data {tmp_path})"; {BINARY} status'], capture_output=True, text=True, env=environment)
        assert status.returncode == 0, status.stderr  # with the certificate that env names
    finally:
        server.terminate()
        server.wait()


def test_logs_lists_groups_and_shows_events(hearth, group):
    put_lines(hearth, group, "web", "started", "ERROR disk full")
    put_lines(hearth, group, "worker", "job 1")
    assert answer(hearth, "logs") == [group]
    everything = run(hearth, "logs", group).stdout
    assert "started" in everything and "job 1" in everything
    only = run(hearth, "logs", group, "web").stdout
    assert "started" in only and "job 1" not in only
    assert [json.loads(line)["message"] for line in run(hearth, "logs", "--filter", "ERROR", "--json", group).stdout.splitlines()] == ["ERROR disk full"]


def test_logs_shows_no_more_than_asked_for(hearth, group):
    put_lines(hearth, group, "web", "old", at_ms=int((time.time() - 7200) * 1000))
    put_lines(hearth, group, "web", "new")
    assert "old" not in run(hearth, "logs", group).stdout
    assert "old" in run(hearth, "logs", "--since", "3h", group).stdout


def test_a_missing_group_is_said(hearth):
    result = run(hearth, "logs", "/nothing")
    assert result.returncode == 1 and "ResourceNotFoundException" in result.stderr


def test_logs_follows_without_duplicates_or_gaps(hearth, group):
    put_lines(hearth, group, "web", "line 0")
    command, env = hearth_command(hearth, "logs", "-f", "--json", group)
    follower = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        seen = [json.loads(follower.stdout.readline())["message"]]
        for batch in range(3):
            put_lines(hearth, group, "web", *[f"line {1 + batch * 2 + i}" for i in range(2)])
            # A line of another writer that comes late.
            put_lines(hearth, group, "worker", f"late {batch}", at_ms=int((time.time() - 5) * 1000))
            seen += [json.loads(follower.stdout.readline())["message"] for _ in range(3)]
        follower.send_signal(signal.SIGINT)
        rest, _ = follower.communicate(timeout=20)
    finally:
        follower.kill()
        follower.wait()
    assert sorted(seen) == sorted([f"line {i}" for i in range(7)] + [f"late {i}" for i in range(3)])
    assert rest == "" and follower.returncode == 0


def test_metrics_lists_and_shows_values(hearth):
    cloudwatch = hearth.client("cloudwatch")
    for value in (3.0, 2.0, 1.0):
        cloudwatch.put_metric_data(Namespace="Train", MetricData=[{"MetricName": "Loss", "Value": value, "Dimensions": [{"Name": "Job", "Value": "base"}]}])
    cloudwatch.put_metric_data(Namespace="Train", MetricData=[{"MetricName": "Loss", "Value": 9.0, "Dimensions": [{"Name": "Job", "Value": "other"}]}])
    assert answer(hearth, "metrics") == {"Train": 2}
    assert {"metric": "Loss", "dimensions": {"Job": "base"}} in answer(hearth, "metrics", "Train")
    shown = run(hearth, "metrics", "Train", "Loss", "--dimensions", "Job=base", "--stat", "Sum", "--period", "3600")
    assert "Job=base" in shown.stdout and "max 6" in shown.stdout and "other" not in shown.stdout
    assert run(hearth, "metrics", "Nothing").returncode == 1


@pytest.fixture
def machines(hearth):
    """The server, on a host where instances can run; none is left afterwards."""
    probe = run(hearth, "run", "--type", "t3.nano", "--", "true")
    if "Unsupported" in probe.stderr:
        pytest.skip(f"INSTANCES CANNOT RUN HERE: {probe.stderr}")
    wait_for(lambda: answer(hearth, "ps") == [])  # the probe is shutting down for a while
    yield hearth
    hearth.reset()


def test_run_shows_the_console_and_gives_the_exit_code(machines):
    result = run(machines, "run", "--type", "t3.nano", "--", "sh", "-c", "echo it\\'s $((6 * 7)); printf unended; exit 3")
    assert result.returncode == 3, result.stderr
    assert {"it's 42", "unended"} <= set(result.stdout.splitlines())
    assert all(each["state"] in ("shutting-down", "terminated") for each in answer(machines, "ps", "--all"))


def test_a_kept_machine_is_listed_and_entered(machines):
    result = run(machines, "run", "--type", "t3.nano", "--keep", "--name", "web", "--", "true")
    assert result.returncode == 0, result.stderr
    [machine] = answer(machines, "ps")
    assert (machine["name"], machine["type"], machine["state"]) == ("web", "t3.nano", "running")
    # exec takes the root key of the data folder it is given; this server's came by the environment.
    (machines.data / "root-credentials.json").write_text(json.dumps({"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}))
    entered = run(machines, "exec", "--data", str(machines.data), machine["id"], "--", "sh", "-c", "echo $AWS_ENDPOINT_URL; exit 4")
    (machines.data / "root-credentials.json").unlink()
    assert (entered.returncode, entered.stdout.strip()) == (4, "http://169.254.169.250:4566"), entered.stderr


def test_run_and_exec_are_objects_for_programs(machines):
    result = run(machines, "run", "--type", "t3.nano", "--keep", "--json", "--", "sh", "-c", "echo one; echo two; exit 5")
    assert result.returncode == 5, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["event"] for each in events if each["event"] != "output"] == ["launched", "running", "ended"]
    assert {"one", "two"} <= {each["message"] for each in events if each["event"] == "output"}
    assert events[-1]["exit_code"] == 5 and len({each["id"] for each in events}) == 1 and result.stderr == ""
    (machines.data / "root-credentials.json").write_text(json.dumps({"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}))
    entered = run(machines, "exec", "--data", str(machines.data), events[0]["id"], "--json", "--", "sh", "-c", "echo out; echo err >&2; exit 4")
    (machines.data / "root-credentials.json").unlink()
    assert entered.returncode == 4, entered.stderr
    assert json.loads(entered.stdout) == {"id": events[0]["id"], "exit_code": 4, "stdout": "out\n", "stderr": "err\n"}


def test_a_command_that_is_not_there_is_named_with_those_that_are(hearth):
    result = run(hearth, "bogus")
    assert result.returncode == 2
    assert 'no command "bogus"' in result.stderr and "serve, env, status" in result.stderr


def test_the_version_is_told_by_the_binary_its_health_and_its_status(hearth):
    version = run(hearth, "--version").stdout.split()[1]
    with urllib.request.urlopen(hearth.url + "/_hearth/health", timeout=10) as health:
        assert json.load(health) == {"status": "ok", "version": version}
    assert answer(hearth, "status")["version"] == version
