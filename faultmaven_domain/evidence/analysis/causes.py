"""Words that name a cause, words that tell of a consequence, and words of change. They are looked for in templates."""

from .phrases import any_of

# what it is, as it reads behind "it names", and how programs say it
_CAUSES = {
    "memory that ran out": any_of(
        r"""
        out of memory | \boom\b | oom[-_ ]?kill | outofmemory | heap space | cannot allocate memory | memory cgroup
        gc overhead limit | (?:heap|memory) (?:usage|pressure).{0,20}(?:high|critical|low|above|over)
        """
    ),
    "disk space that ran out": any_of(
        r"""
        no space left | enospc | disk (?:is )?full | disk quota | disk watermark | low on disk
        disk.{0,20} (?:usage|used).{0,20}(?:high|critical|above|over|9\d ?%) | (?:filesystem|volume) .{0,40}\bfull\b
        """
    ),
    "a pool of connections or threads that ran out": any_of(
        r"""
        pool.{0,40}(?:exhausted|empty|limit|depleted|not available) | too many (?:connections|clients)
        connection slots | max_connections | thread pool .{0,20}(?:full|reject) | rejectedexecution
        (?:acquir|get|obtain)\w* .{0,20}connection from .{0,12}pool
        """
    ),
    "file handles that ran out": any_of(r"too many open files | \bemfile\b"),
    "a certificate that expired or is not trusted": any_of(
        r"""
        (?:certificate|\bcert\b|x509|pkix|tls|ssl).{0,60}(?:expir|not valid|verif|untrusted|self.signed)
        certificate signed by unknown authority
        expired (?:certificate|cert)\b | unable to find valid certification path
        """
    ),
    "a name that does not resolve": any_of(
        r"""
        no such host | name or service not known | in name resolution | unknownhost | nxdomain | servfail
        could not resolve(?! placeholder) | failed to resolve | getaddrinfo (?!for)
        \bdns .{0,40}(?:fail|error|timeout)
        """
    ),
    "a lock that was not released": any_of(
        r"deadlock | lock wait time | could not obtain lock | database is locked | lock timeout"
    ),
    "a configuration that is wrong": any_of(
        r"""
        \bconfig(?:uration)?\b.{0,50}(?:invalid|error|missing|not found|malformed|fail)
        (?:setting|property|manifest|yaml|directive|environment variable)\b.{0,50}(?:invalid|missing|not set|unknown)
        (?:invalid|missing|unknown|bad|malformed) (?:required )?(?:config\w*|setting|property|option|directive|env\w*)
        could not resolve placeholder
        """
    ),
    "a schema or a migration": any_of(
        r"""
        migration.{0,40}fail | fail.{0,40}migration | (?:relation|column|table).{0,60}does not exist
        no such (?:table|column) | unknown column
        """
    ),
    "data that is damaged": any_of(
        r"corrupt | checksum.{0,20}(?:mismatch|fail|error) | bad block | data loss | truncated file"
    ),
    "a fault of the machine": any_of(
        r"""
        read-only file system | \bi/o error | input/output error | hardware error | machine check | parity error
        \becc\b | link (?:is )?down | bad sector | bus error
        """
    ),
    "a process that crashed": any_of(
        r"""
        segfault | segmentation fault | sigsegv | core dumped | \bpanic\b | stack ?overflow | has died
        exited (?:abnormally|unexpectedly) | killed process | nullpointerexception
        """
    ),
    "a network that does not reach": any_of(
        r"no ?route ?to ?host | network (?:is )?unreachable | network partition | split.?brain"
    ),
    "a cluster without a leader or a quorum": any_of(
        r"(?:lost|no|without|lose) (?:\w+ )?(?:quorum|leader|master)\b | not enough (?:replicas|members|nodes)"
    ),
    "credentials or rights that are refused": any_of(
        r"""
        password authentication failed | authentication fail | invalid (?:credentials|password|token|user)
        access denied | permission denied | not authori[sz]ed | unauthori[sz]ed | token.{0,30}expired | break-in
        """
    ),
    "a limit that was reached": any_of(
        r"""
        quota exceeded | rate limit | throttl | limit (?:was )?(?:exceeded|reached) | resource exhausted | evicted
        too many requests | backpressure | queue .{0,20}full
        """
    ),
}
_CONSEQUENCE = any_of(
    r"""
    timed?[ -]?out | timeout | deadline exceeded | \bstatus=5 | bad gateway | gateway time | \bunavailable\b
    \bretr(?:y|ies|ied|ying)\b | \bback-?off | \brefused\b | connection (?:was )?(?:reset|closed|aborted|lost|broken)
    broken pipe | connectexception | circuit.?breaker | upstream | health ?check | readiness | liveness | unhealthy
    giving up | request (?:\S+ )?failed | failed to (?:process|handle|serve|connect|fetch|call|send|reach) | \bslow\b
    \baborted\b | internal server error | reconnect | disconnect | cannot (?:connect|reach) | not responding
    """
)
_CHANGED = r"(?:reloaded|changed|updated|applied|rotated|enabled|disabled|switched)"
_SETTINGS = r"(?:config|configuration|settings?|rules?|secret|certificate|feature flag|flag|schema|policy)"
_CHANGE = any_of(
    rf"""
    \bdeploy(?:ed|ing|ment)?\b | \brollout\b | \brolling (?:out|update) | new release | released? version
    \bupgrad(?:ed|ing|e)\b | \bmigrat(?:ed|ing|ion)\b | \bscal(?:ed|ing) (?:up|down|to|from) | \bfail-?over\b
    \brollback\b | \bdraining\b | {_SETTINGS}\b.{{0,40}}\b(?:{_CHANGED}|set to)
    (?:{_CHANGED}|applying|reloading|updating) .{{0,40}}\b{_SETTINGS}
    """
)


def cause_named(text: str) -> str | None:
    """What specific cause a text names, or None."""
    return next((label for label, phrases in _CAUSES.items() if phrases.search(text.lower())), None)


def tells_consequence(text: str) -> bool:
    """Whether a text speaks of what mostly follows from trouble elsewhere: timeouts, retries, refused connections."""
    return _CONSEQUENCE.search(text.lower()) is not None


def tells_change(text: str) -> bool:
    """Whether a text speaks of a change made to the system: a deployment, a new configuration, a migration."""
    return _CHANGE.search(text.lower()) is not None
