"""Whether a line tells that something was changed: what was done to a system is where trouble often begins.

A line does when it says that something was done (deployed, rolled out, restarted, upgraded, migrated, scaled, failed
over), when a thing that is set (a configuration, a flag, a secret, a policy) stands near a word of setting it, or when
it names the version that starts. A thing alone says nothing: a service may be called "deployment", and a file have a
line "version: 2". What only asks for a change or says that there was none is no change either.
"""

import re

_DONE = r"""
    (?:re)?deploy(?:ed|ing) | rolled[ ](?:out|back) | rolling[ ](?:out|back|update|restart) | rollout | rollback
  | restart(?:ed|ing) | reboot(?:ed|ing) | upgrad(?:ed|ing) | downgrad(?:ed|ing) | migrat(?:ed|ing)
  | appl(?:ied|ying)[ ](?:\w+[ ])?(?:migrations?|patch(?:es)?|manifests?) | (?:running|ran)[ ](?:\w+[ ])?migrations?
  | scal(?:ed|ing)[ ](?:up|down|in|out|to|from) | fail(?:ed|ing)[ ]over | switched[ ]over | cut[ ]over
  | new[ ](?:release|version|build|image)
  | (?:deploy(?:ment)?|migration)[ ](?:\S+[ ]){0,4}(?:started|finished|completed?|applied)
"""
_SETTING = r"""
    config(?:uration)?s? | settings? | feature[ _-]?(?:flag|toggle|gate)s? | flags? | secrets? | certificates?
  | polic(?:y|ies) | rules? | env(?:ironment)?[ ]variables? | limits? | parameters?
"""
_SET = r"""
    reload(?:ed|ing) | chang(?:ed|ing) | updat(?:ed|ing) | appl(?:ied|ying) | rotat(?:ed|ing) | renewed | replaced
  | enabl(?:ed|ing) | disabl(?:ed|ing) | toggled | switched | turned[ ](?:on|off) | set[ ]to | overrid(?:den|ing)
"""
_VERSION = r"""
    (?:start(?:ed|ing)|launch(?:ed|ing)|boot(?:ed|ing)|now[ ]at|updat(?:ed|ing))\b
    .{0,60}?\b(?:version[ :=]*v?\d|v\d+\.\d+|build[ :=#]*\d|release[ :=]*v?\d)
"""
_TELLS = re.compile(
    rf"\b(?:{_DONE})\b | \b(?:{_SETTING})\b.{{0,60}}\b(?:{_SET})\b | \b(?:{_SET})\b.{{0,60}}\b(?:{_SETTING})\b"
    rf"| \b{_VERSION}",
    re.VERBOSE,
)
#: Nothing was changed yet, or nothing at all.
_NOT = re.compile(
    r"\b(?:not|never|no|without|unchanged|if|should|must|please|cannot|would|todo|before|when(?:ever)?)\b"
)
_LONGEST = 2_000


def tells_change(line: str) -> bool:
    """Whether one line of evidence tells of a deployment, a restart, a changed setting, a version or a migration."""
    line = line[:_LONGEST].lower()
    found = _TELLS.search(line)
    return found is not None and _NOT.search(line[max(0, found.start() - 40) : found.end()]) is None
