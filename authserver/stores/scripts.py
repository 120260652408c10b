"""The changes that must happen as one, as Lua that Redis runs without interruption."""

from typing import Final

CREATE_USER: Final = """
-- KEYS: user, index of users. ARGV: name, version, document.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'document', ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
"""

DELETE_USER: Final = """
-- KEYS: user, index of users, setup code. ARGV: name, prefix of used codes.
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('SREM', KEYS[2], ARGV[1])
local code = redis.call('GET', KEYS[3])
if code then redis.call('SET', ARGV[2] .. code, '1') end
redis.call('DEL', KEYS[3])
return 1
"""

REPLACE: Final = """
-- KEYS: hash. ARGV: field of the number, number before, number now, document, expiry in ms or ''.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], 'document', ARGV[4])
if ARGV[5] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[5]) end
return 1
"""

ADD_API_KEY: Final = """
-- KEYS: key, index of the user's keys, index of all. ARGV: id, document.
redis.call('HSET', KEYS[1], 'document', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
return 1
"""

DELETE_API_KEY: Final = """
-- KEYS: key, index of the user's keys, index of all. ARGV: id.
if redis.call('SREM', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[1])
return 1
"""

SET_SETUP_CODE: Final = """
-- KEYS: code, index of users, mark that it was used. ARGV: digest, 1 to replace a code that waits.
if redis.call('SCARD', KEYS[2]) > 0 or redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""

SETUP_CODE_WAITS: Final = """
-- KEYS: code, index of users.
if redis.call('SCARD', KEYS[2]) > 0 then return 0 end
return redis.call('EXISTS', KEYS[1])
"""

REDEEM_SETUP_CODE: Final = """
-- KEYS: code, index of users, user, mark that it was used. ARGV: digest, name, version, document.
if redis.call('SCARD', KEYS[2]) > 0 or redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[4], '1')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[3], 'version', ARGV[3], 'document', ARGV[4])
redis.call('SADD', KEYS[2], ARGV[2])
return 1
"""

OPEN_SESSION: Final = """
-- KEYS: session, index of the user's sessions, index of all.
-- ARGV: id, generation, document, expiry in ms, latest expiry in ms, user.
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'document', ARGV[3], 'user', ARGV[6])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
for index = 2, 3 do
  redis.call('ZADD', KEYS[index], ARGV[5], ARGV[1])
  if tonumber(ARGV[5]) > redis.call('PEXPIRETIME', KEYS[index]) then
    redis.call('PEXPIREAT', KEYS[index], ARGV[5])
  end
end
return 1
"""

END_SESSIONS: Final = """
-- KEYS: index of the user's sessions, index of all, then the sessions. ARGV: their ids.
local ended = 0
for index, id in ipairs(ARGV) do
  ended = ended + redis.call('DEL', KEYS[index + 2])
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return ended
"""

ATTEMPT: Final = """
-- KEYS: counters. ARGV: now, then for each: allowed, first wait, longest wait, forget after.
local now = tonumber(ARGV[1])
local wait = 0
local failures = {}
for index, key in ipairs(KEYS) do
  local found = redis.call('HMGET', key, 'failures', 'until', 'expires')
  local current = found[3] and tonumber(found[3]) > now
  failures[index] = current and tonumber(found[1]) or 0
  if current then wait = math.max(wait, tonumber(found[2]) - now) end
end
if wait > 0 then return string.format('%.6f', wait) end
for index, key in ipairs(KEYS) do
  local base = 4 * index - 2
  local allowed, first = tonumber(ARGV[base]), tonumber(ARGV[base + 1])
  local longest, forget = tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  local count = failures[index] + 1
  local waits = now
  if count >= allowed then
    waits = now + math.min(first * 2 ^ math.min(count - allowed, 60), longest)
  end
  local expires = waits + forget
  redis.call('HSET', key, 'failures', count, 'until', string.format('%.6f', waits),
    'expires', string.format('%.6f', expires))
  redis.call('PEXPIRE', key, math.ceil((expires - now) * 1000))
end
return '0'
"""

_DROP: Final = """
-- Deletes an entry of the journal and takes its size off the count.
local function drop(order, sizes, entry, id)
  local found = redis.call('HMGET', entry, 'order', 'size')
  if found[1] then redis.call('ZREM', found[1], id) end
  redis.call('ZREM', order, id)
  redis.call('DEL', entry)
  if found[2] then redis.call('HINCRBY', sizes, 'bytes', -found[2]) end
end

-- Deletes the oldest entries until the rest fits, but the last one never, and notes how many.
local function fit(order, sizes, prefix, bytes, most)
  local dropped, changed = 0, ''
  while dropped < tonumber(most) and redis.call('ZCARD', order) > 1 do
    if tonumber(redis.call('HGET', sizes, 'bytes') or 0) <= tonumber(bytes) then break end
    local id = redis.call('ZRANGE', order, 0, 0)[1]
    changed = redis.call('HGET', prefix .. id, 'changed') or changed
    drop(order, sizes, prefix .. id, id)
    dropped = dropped + 1
  end
  if dropped > 0 then
    redis.call('HINCRBY', sizes, 'trimmed', dropped)
    redis.call('HSET', sizes, 'until', changed)
  end
  return dropped
end
"""

_MEASURE: Final = """
-- Returns the bytes of memory that an entry takes. What is added is its size and its two places in
-- the orders, as measured.
local function measure(entry)
  return redis.call('MEMORY', 'USAGE', entry, 'SAMPLES', 0) + 400
end
"""

WRITE_JOURNAL: Final = f"""{_DROP}{_MEASURE}
-- KEYS: entry, order of all, order of the cluster, sequence, sizes.
-- ARGV: id, tag before or '' for a new entry, tag, document, changed, cluster, prefix of entries,
-- bytes of all, how many entries to delete for them at most.
local known = redis.call('HMGET', KEYS[1], 'tag', 'size')
if ARGV[2] == '' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
elseif known[1] ~= ARGV[2] then
  return 0
end
local sequence = redis.call('INCR', KEYS[4])
redis.call('HSET', KEYS[1], 'tag', ARGV[3], 'document', ARGV[4],
  'changed', ARGV[5], 'cluster', ARGV[6], 'order', KEYS[3])
redis.call('ZADD', KEYS[2], sequence, ARGV[1])
redis.call('ZADD', KEYS[3], sequence, ARGV[1])
local size = measure(KEYS[1])
redis.call('HSET', KEYS[1], 'size', size)
if redis.call('ZCARD', KEYS[2]) == 1 then
  -- Whatever was counted before, perhaps of a journal that somebody has deleted.
  redis.call('HSET', KEYS[5], 'bytes', size)
else
  redis.call('HINCRBY', KEYS[5], 'bytes', size - (known[2] or 0))
end
fit(KEYS[2], KEYS[5], ARGV[7], ARGV[8], ARGV[9])
return 1
"""

COUNT_JOURNAL: Final = f"""#!lua flags=allow-oom
{_MEASURE}
-- Counts entries that were written before there was a count. Even a full store has to get here.
-- KEYS: order of all, sizes. ARGV: prefix of entries, at most.
local from = redis.call('HGET', KEYS[2], 'counted') or '0'
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. from, '+inf', 'WITHSCORES',
  'LIMIT', 0, ARGV[2])
for index = 1, #found, 2 do
  local entry = ARGV[1] .. found[index]
  if redis.call('EXISTS', entry) == 1 and not redis.call('HGET', entry, 'size') then
    local size = measure(entry)
    redis.call('HSET', entry, 'size', size)
    redis.call('HINCRBY', KEYS[2], 'bytes', size)
  end
  from = found[index + 1]
end
redis.call('HSET', KEYS[2], 'counted', from)
return #found / 2
"""

TRIM_JOURNAL: Final = f"""#!lua flags=allow-oom
{_DROP}
-- KEYS: order of all, sizes.
-- ARGV: prefix of entries, changed before which, how many to keep, bytes to keep, at most.
local beyond = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local oldest = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[5]) - 1)
local deleted = 0
for _, id in ipairs(oldest) do
  local entry = ARGV[1] .. id
  local changed = redis.call('HGET', entry, 'changed')
  local is_old = not changed or tonumber(changed) < tonumber(ARGV[2])
  if not is_old and deleted >= beyond then break end
  drop(KEYS[1], KEYS[2], entry, id)
  deleted = deleted + 1
end
return deleted + fit(KEYS[1], KEYS[2], ARGV[1], ARGV[4], ARGV[5] - deleted)
"""

CLAIM_TRIMMED: Final = """
-- KEYS: sizes, mark that it was told. ARGV: seconds between.
local found = redis.call('HMGET', KEYS[1], 'trimmed', 'until')
if tonumber(found[1] or 0) <= 0 or redis.call('EXISTS', KEYS[2]) == 1 then return {0, ''} end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])
return {tonumber(found[1]), found[2]}
"""

FORGIVE: Final = """
-- KEYS: counters.
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    if redis.call('HINCRBY', key, 'failures', -1) <= 0 then
      redis.call('DEL', key)
    else
      redis.call('HSET', key, 'until', '0')
    end
  end
end
return 1
"""

CLAIM: Final = """
-- KEYS: mark. ARGV: now, expiry, milliseconds to keep it.
local expires = redis.call('GET', KEYS[1])
if expires and tonumber(expires) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""

TRIM_AUDIT: Final = """
-- KEYS: stream, what was trimmed. ARGV: how many lines to keep, about.
local trimmed = redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[1])
if trimmed > 0 then
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
  local until_ms = first[1] and string.match(first[1][1], '^%d+') or ''
  -- With the memory full nothing can be noted, but room has been made.
  redis.pcall('HINCRBY', KEYS[2], 'count', trimmed)
  redis.pcall('HSET', KEYS[2], 'until', until_ms)
end
return trimmed
"""

TELL_TRIM: Final = """
-- KEYS: what was trimmed, mark that it was told, stream. ARGV: count, seconds between, line.
if redis.call('HGET', KEYS[1], 'count') ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[2])
redis.call('DEL', KEYS[1])
redis.call('XADD', KEYS[3], '*', 'line', ARGV[3])
return 1
"""
