"""What is done to a queue of jobs, each in one step and by Redis's own clock: those of the hosts may differ.

A queue is a sorted set, by the moment in milliseconds from which a job may be begun, as arq has it. Whoever takes a job
out holds it: arq's in-progress key says so until it lapses, with the job's place in the queue as its value, and until
that moment the job comes after all that wait. So a look costs the same, however much waits or runs.
"""

from arq.constants import in_progress_key_prefix

from .script import Script

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
#: To KEYS[1], unless the job is there already; ``job``'s key is KEYS[2] and the list of words to idle workers KEYS[3].
#: With the id, the job, its life and its delay in ms; how many words are kept, and their life in ms.
PUT = Script(f"""{_NOW}
if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('PSETEX', KEYS[2], ARGV[3], ARGV[2])
    redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
end
if ARGV[4] == '0' then
    redis.call('LPUSH', KEYS[3], '')
    redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
    redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
""")
#: From KEYS[1], held for ARGV[1] ms, at most ARGV[2] of them, and none of the ids that follow. Gives the time in ms,
#: and of each its id and place. What is held and stands in front all the same, as an older version leaves it, is moved.
TAKE = Script(f"""{_NOW}
local hands, known, mine, taken = tonumber(ARGV[2]), #ARGV - 2, {{}}, {{now}}
for n = 3, #ARGV do mine[ARGV[n]] = true end
for _ = 1, 100 do
    local moved = false
    local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, hands + known)
    for n = 1, #found, 2 do
        local id, holder = found[n], '{in_progress_key_prefix}' .. found[n]
        if not mine[id] and #taken <= 2 * hands then
            local held = redis.call('PTTL', holder)
            if held == -2 then
                held = ARGV[1]
                redis.call('SET', holder, found[n + 1], 'PX', held)
                taken[#taken + 1] = id
                taken[#taken + 1] = found[n + 1]
            end
            redis.call('ZADD', KEYS[1], now + math.max(held, 1), id)
            moved = true
        end
    end
    if not moved or #taken > 2 * hands then break end
end
return taken
""")
#: To KEYS[1], from who holds it by KEYS[2]: ARGV[1], after ARGV[2] ms, or in its old place where that is 0.
GIVE_BACK = Script(f"""{_NOW}
local place = redis.call('GET', KEYS[2]) or now
redis.call('DEL', KEYS[2])
redis.call('ZADD', KEYS[1], 'XX', ARGV[2] == '0' and math.min(place, now) or now + ARGV[2], ARGV[1])
""")
#: To wherever it is of KEYS, each of ARGV, and only forwards; gives how many were held.
TAKE_BACK = Script(f"""{_NOW}
local held = 0
for _, id in ipairs(ARGV) do
    local place = redis.call('GET', '{in_progress_key_prefix}' .. id) or now
    held = held + redis.call('DEL', '{in_progress_key_prefix}' .. id)
    for _, queue in ipairs(KEYS) do redis.call('ZADD', queue, 'XX', 'LT', math.min(place, now), id) end
end
return held
""")
