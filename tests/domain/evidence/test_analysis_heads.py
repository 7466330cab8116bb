import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_domain.evidence.analysis.heads import HeadReader

LINES = {
    # line: (time, level, component, message)
    "2015-07-29 17:41:44,747 - WARN  [QuorumPeer[myid=1]/0:0:0:0:2181:FastLeaderElection@774] - Time out: 3200": (
        "2015-07-29 17:41:44,747",
        "WARN",
        "FastLeaderElection",
        "Time out: 3200",
    ),
    "2015-10-18 18:01:47,978 INFO [main] org.apache.app.MRAppMaster: Created it": (
        "2015-10-18 18:01:47,978",
        "INFO",
        "org.apache.app.MRAppMaster",
        "Created it",
    ),
    "[Sun Dec 04 04:47:44 2005] [error] [client 10.0.0.1] Directory index forbidden": (
        "Sun Dec 04 04:47:44 2005",
        "ERROR",
        None,
        "[client 10.0.0.1] Directory index forbidden",
    ),
    "[Sun Dec 04 04:47:44.123456 2005] [core:error] File does not exist": (
        "Sun Dec 04 04:47:44.123456 2005",
        "ERROR",
        "core",
        "File does not exist",
    ),
    "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown": (
        "Jun 14 15:16:01",
        None,
        "sshd(pam_unix)",
        "check pass; user unknown",
    ),
    "Dec 10 06:55:48 host sshd[24200]: error: Received disconnect": (
        "Dec 10 06:55:48",
        "ERROR",
        "sshd",
        "error: Received disconnect",
    ),
    "Jan  1 00:00:00 node1 kernel: [12345.678901] Out of memory: Kill process 12": (
        "Jan  1 00:00:00",
        None,
        "kernel",
        "Out of memory: Kill process 12",
    ),
    "<34>1 2003-10-11T22:14:15.003Z host app 123 ID47 - it broke": (
        "2003-10-11T22:14:15.003Z",
        "CRITICAL",
        "app",
        "it broke",
    ),
    "<13>Oct 11 22:14:15 host su: hello": ("Oct 11 22:14:15", "NOTICE", "su", "hello"),
    "081109 203615 148 INFO dfs.DataNode$PacketResponder: terminating": (
        "081109 203615",
        "INFO",
        "dfs.DataNode$PacketResponder",
        "terminating",
    ),
    "03-17 16:13:38.811  1702  2395 D WindowManager: opening": (
        "03-17 16:13:38.811",
        "DEBUG",
        "WindowManager",
        "opening",
    ),
    "[10.30 16:49:06] browser.exe *64 - example.org:80 close": (
        "10.30 16:49:06",
        None,
        "browser.exe",
        "example.org:80 close",
    ),
    "- 1117838570 2005.06.03 R02-M1-N0 2005-06-03-15.42.50.363779 R02-M1-N0 RAS KERNEL INFO parity error": (
        "2005-06-03-15.42.50.363779",
        "INFO",
        "KERNEL",
        "parity error",
    ),
    "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond[2915]: session closed": (
        "Nov 9 12:01:01",
        None,
        "crond",
        "session closed",
    ),
    "134681 node-246 unix.hw down 1077804742 1 Component is unavailable": (
        "1077804742",
        None,
        "unix.hw",
        "Component is unavailable",
    ),
    "2016-09-28 04:30:30, Info                  CBS    Loaded it": ("2016-09-28 04:30:30", "INFO", "CBS", "Loaded it"),
    "20171223-22:15:29:606|Step_LSC|30002312|onStep 3579": ("20171223-22:15:29:606", None, "Step_LSC", "onStep 3579"),
    "17/06/09 20:10:40 INFO executor.Backend: Registered": (
        "17/06/09 20:10:40",
        "INFO",
        "executor.Backend",
        "Registered",
    ),
    "api.log.1 2017-05-16 00:00:00.008 25746 INFO nova.api.wsgi [req-38101a0b-2096 113d3a99 - - -] done": (
        "2017-05-16 00:00:00.008",
        "INFO",
        "nova.api.wsgi",
        "done",
    ),
    "E0101 12:00:00.000000    1 reflector.go:125] failed to list": (
        "0101 12:00:00.000000",
        "ERROR",
        "reflector.go",
        "failed to list",
    ),
    "2024-01-01T00:00:00Z stderr F E0101 12:00:00.000000    1 pod.go:1] failed": (
        "2024-01-01T00:00:00Z",
        "ERROR",
        "pod.go",
        "failed",
    ),
    "2024-01-01T00:00:00Z stdout F plain words": ("2024-01-01T00:00:00Z", None, None, "plain words"),
    "2024/01/01 00:00:00 [error] 29#29: *1 connect() failed": (
        "2024/01/01 00:00:00",
        "ERROR",
        None,
        "*1 connect() failed",
    ),
    "2024-01-01 00:00:00.000 UTC [1234] app@db FATAL:  too many clients": (
        "2024-01-01 00:00:00.000 UTC",
        "FATAL",
        None,
        "too many clients",
    ),
    "2024-01-01T00:00:00.0Z  WARN 1 --- [app] [main] o.s.Pool      : pool is empty": (
        "2024-01-01T00:00:00.0Z",
        "WARN",
        "o.s.Pool",
        "pool is empty",
    ),
    "2024-01-01 12:00:00,123 - my.module - ERROR - it broke": (
        "2024-01-01 12:00:00,123",
        "ERROR",
        "my.module",
        "it broke",
    ),
    "2024-01-01 12:00:00.123 | ERROR    | app.core:run:42 - it broke": (
        "2024-01-01 12:00:00.123",
        "ERROR",
        "app.core:run:42",
        "it broke",
    ),
    "2024-01-01T00:00:00.000+0000 E NETWORK  [conn1] it broke": (
        "2024-01-01T00:00:00.000+0000",
        "ERROR",
        "NETWORK",
        "it broke",
    ),
    "[2024-01-01T12:00:00,123][WARN ][o.e.c.DiskMonitor] [node-1] watermark exceeded": (
        "2024-01-01T12:00:00,123",
        "WARN",
        "o.e.c.DiskMonitor",
        "watermark exceeded",
    ),
    "[2024-01-01 12:00:00] production.ERROR: it broke": ("2024-01-01 12:00:00", "ERROR", "production", "it broke"),
    "[2024-01-01 00:00:00,123: ERROR/Worker-1] it broke": ("2024-01-01 00:00:00,123", "ERROR", None, "it broke"),
    "I, [2024-01-01T00:00:00.000000 #1234]  WARN -- : it broke": (
        "2024-01-01T00:00:00.000000",
        "WARN",
        None,
        "it broke",
    ),
    "INFO  [main] 2024-01-01 00:00:00,123 Server.java:12 - it runs": (
        "2024-01-01 00:00:00,123",
        "INFO",
        "Server.java:12",
        "it runs",
    ),
    "web-1  | 2024-01-01 12:00:00 ERROR it broke": ("2024-01-01 12:00:00", "ERROR", "web-1", "it broke"),
    "ERROR:root:it broke": (None, "ERROR", "root", "it broke"),
    "[WARNING] it creaks": (None, "WARN", None, "it creaks"),
    "E/Activity( 1234): it broke": (None, "ERROR", "Activity", "it broke"),
    '{"ts":"2024-01-01T00:00:00Z","level":"error","logger":"db","msg":"it broke","err":"no space left"}': (
        "2024-01-01T00:00:00Z",
        "ERROR",
        "db",
        "it broke: no space left",
    ),
    '{"t":{"$date":"2024-01-01T00:00:00Z"},"s":"W","c":"NETWORK","msg":"it creaks"}': (
        "2024-01-01T00:00:00Z",
        "WARN",
        "NETWORK",
        "it creaks",
    ),
    '{"time":1704067200000,"level":50,"msg":"it broke"}': ("1704067200000", "ERROR", None, "it broke"),
    '{"log":"ERROR it broke\\n","stream":"stderr","time":"2024-01-01T00:00:00Z"}': (
        "2024-01-01T00:00:00Z",
        "ERROR",
        None,
        "it broke",
    ),
    'ts=2024-01-01T00:00:00Z caller=a.go:1 component=tsdb level=warn msg="it \\"creaks\\"" err="disk full"': (
        "2024-01-01T00:00:00Z",
        "WARN",
        "tsdb",
        'it "creaks": disk full',
    ),
    '10.0.0.1 - - [04/Dec/2005:04:47:44 +0000] "GET /a/b?c=1 HTTP/1.1" 503 12 "-" "curl"': (
        "04/Dec/2005:04:47:44 +0000",
        None,
        None,
        "GET /a/b?c=1 status=503",
    ),
    "2024-01-01 12:00:00 Connection refused by 10.0.0.1": (
        "2024-01-01 12:00:00",
        None,
        None,
        "Connection refused by 10.0.0.1",
    ),
    "2024-01-01 12:00:00 ERROR Timeout: no reply": ("2024-01-01 12:00:00", "ERROR", None, "Timeout: no reply"),
}


@pytest.mark.parametrize(("line", "parts"), LINES.items(), ids=[line[:40] for line in LINES])
def test_lines_of_many_programs_are_taken_apart(
    line: str, parts: tuple[str | None, str | None, str | None, str]
) -> None:
    """Time, level, component and message are told apart without being told the format."""
    head = HeadReader().read(line)

    assert parts == (head.stamp, head.level, head.component, head.message)
    assert head.opens


@pytest.mark.parametrize(
    "line", ["plain prose", "\tat com.example.Main.main(Main.java:12)", "{not json", "a=b c=d", ""]
)
def test_other_lines_open_no_record(line: str) -> None:
    """A line without time and level may continue the one before."""
    assert not HeadReader().read(line).opens


def test_a_line_set_in_a_container_log_continues_the_one_before() -> None:
    """What a container runtime writes a time before may still be a stack trace."""
    assert not HeadReader().read("2024-01-01T00:00:00Z stderr F \tat Main.java:12").opens


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_line_is_borne(line: str) -> None:
    """No line breaks the reader, and reading it twice gives the same."""
    assert HeadReader().read(line) == HeadReader().read(line)


@settings(deadline=None)
@given(
    st.sampled_from(["[", "[[1,", "a.", "1:", '"', "{", "=", "- ", "[1 ", "ERROR ", "a@", "/", "|"]),
    st.integers(1, 2_000),
)
def test_repetition_is_read_in_linear_time(piece: str, times: int) -> None:
    """A line that repeats what a head is made of is borne as well."""
    HeadReader().read("2024-01-01 00:00:00 " + piece * times)
    HeadReader().read(piece * times)
