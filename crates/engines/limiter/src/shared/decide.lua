-- Decisions that waited for the store together, made one after the other in one step of it. Each
-- is by itself: first every limit of a request is looked at, and only when all of them admit it is
-- anything charged; what it charged is seen by those behind it. One that cannot be made, because a
-- key holds something else, fails alone.
--
-- Time is the store's own, so instances with skewed clocks agree. Times are microseconds, which a
-- double holds exactly.
--
-- KEYS: those that occur, each once. ARGV[1]: 'charge', or 'look' to change nothing. ARGV[2]: a
-- text that no other call has. ARGV[3]: the limits that occur, each once, as MessagePack with the
-- fields kind, a, b, c, logs_rejected (rejected requests are logged) and shadow (it stops nothing).
-- ARGV[4]: the requests, packed: how many parts, the lease to hold as two numbers, and for each
-- part the numbers of its key and its limit, and the hits.
-- Answers the first failure, and as MessagePack for each part what remains (-1: the request
-- failed), the time until reset, and until a retry helps (0: admitted, -1: never).
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local charging, call, requests = ARGV[1] == 'charge', ARGV[2], ARGV[4]
local limits = cmsgpack.unpack(ARGV[3])
local run, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local pack, unpacked = struct.pack, struct.unpack

-- A number that is handed to Redis as it is becomes a text by way of `%.17g`, at twice the price.
local function whole(number) return string.format('%d', number) end
local function milliseconds(time) return whole(max(ceil(time / 1000), 1)) end

-- States of one value by the numbers of their keys, as they are by now: all are read at once, and
-- each that changed is written once at the end, to live for a time.
local states, times = run('MGET', unpack(KEYS)), {}

-- To write the time at which a key goes costs as much as all the rest of a decision, so where it
-- would move with each, it lies up to this far ahead, and is written when it has come near.
local AHEAD = 60 * 1000000
-- The time to live goes on as it is.
local UNCHANGED = -1

local function keep(key, state, time)
  if time ~= UNCHANGED or not times[key] then times[key] = time end
  states[key] = state
end

-- Each algorithm answers what remains, when it is reset and when to retry; then the state to
-- write, if any, and how long it means something. `key` is a key's number.

-- a: what one hit costs, b: what a full burst costs. State: when the bucket will be full, and when
-- the key goes.
local function gcra(limit, key, hits)
  local cost, burst, state = limit.a, limit.b, states[key]
  local debt, goes_at = 0, 0
  if state then
    debt, goes_at = unpacked('>LL', state)
    debt = debt - now
    if debt < 0 then debt = 0 elseif debt > burst then debt = burst end
  end
  local wanted = cost * hits
  if wanted > burst - debt then
    local retry = wanted > burst and -1 or wanted - (burst - debt)
    return floor((burst - debt) / cost), debt, retry
  end
  debt = debt + wanted
  local full_at, time = now + debt, UNCHANGED
  if full_at > goes_at then
    time = debt + min(burst, AHEAD)
    goes_at = now + time
  end
  return floor((burst - debt) / cost), debt, 0, pack('>LL', full_at, goes_at), time
end

-- a: limit, b: window. State: a count that goes with its window.
local function fixed_window(limit, key, hits)
  local most, state = limit.a, states[key]
  local count, left = tonumber(state) or 0, limit.b - now % limit.b
  if hits > 0 and count + hits > most then
    return max(most - count, 0), left, hits > most and -1 or left
  end
  count = count + hits
  return max(most - count, 0), left, 0, whole(count), state and UNCHANGED or left
end

-- a: size, b: refill, c: interval. When so many taken tokens are back.
local function back(limit, taken)
  return limit.c - now % limit.c + (ceil(taken / limit.b) - 1) * limit.c
end

-- State: an interval's number and what is taken in it.
local function interval_bucket(limit, key, hits)
  local size, index, taken, state = limit.a, floor(now / limit.c), 0, states[key]
  if state then
    local at, before = unpacked('>LL', state)
    taken = max(before - max(index - at, 0) * limit.b, 0)
  end
  if hits > 0 and taken + hits > size then
    local retry = hits > size and -1 or back(limit, taken + hits - size)
    return max(size - taken, 0), back(limit, taken), retry
  end
  taken = taken + hits
  local reset = taken == 0 and 0 or back(limit, taken)
  return max(size - taken, 0), reset, 0, pack('>LL', index, taken), reset
end

-- a: limit, b: window, c: 1 to round up. The longest rest of a window at which the share of a
-- count is no more than the room.
local function rest(limit, count, room)
  count = max(count, 1)
  if limit.c == 1 then return floor(room * limit.b / count) end
  return ceil((room + 1) * limit.b / count) - 1
end

-- State: a window's number, its count, the one before.
local function sliding_counter(limit, key, hits)
  local most, window, state = limit.a, limit.b, states[key]
  local index, current, previous, time = floor(now / window), 0, 0, nil
  if state then
    local at, first, second = unpacked('>LLL', state)
    if at >= index then current, previous, time = first, second, UNCHANGED
    elseif at + 1 == index then previous = first end
  end
  local left = window - now % window
  local share = previous * left / window
  local counted = current + (limit.c == 1 and ceil(share) or floor(share))
  if hits > 0 and counted + hits > most then
    if hits > most then return max(most - counted, 0), left, -1 end
    local room, retry = most - hits, 0
    if current <= room then retry = left - rest(limit, previous, room - current)
    else retry = left + window - rest(limit, current, room) end
    return max(most - counted, 0), left, max(retry, 1)
  end
  state = pack('>LLL', index, current + hits, previous)
  return max(most - counted - hits, 0), left, 0, state, time or left + window
end

-- a: limit, b: window, c: parts. State: a hash of counts by the number of their part.
local function sub_windows(limit, key, hits)
  local most, window = limit.a, limit.b
  local part = max(floor(window / limit.c), 1)
  local fields, counts, counted, over = run('HGETALL', KEYS[key]), {}, 0, {}
  for at = 1, #fields, 2 do
    local began, count = tonumber(fields[at]) * part, tonumber(fields[at + 1])
    if began + part + window > now then
      counted = counted + count
      counts[#counts + 1] = { began + part + window - now, count }
    else
      over[#over + 1] = fields[at]
    end
  end
  table.sort(counts, function(one, two) return one[1] < two[1] end)
  local reset = #counts > 0 and counts[#counts][1] or 0
  if hits > 0 and counted + hits > most then
    local retry, left, surplus = -1, 0, counted + hits - most
    for _, count in ipairs(counts) do
      left = left + count[2]
      if left >= surplus then retry = count[1] break end
    end
    return max(most - counted, 0), reset, hits > most and -1 or retry
  end
  local state = { part = whole(floor(now / part)), over = over }
  return max(most - counted - hits, 0), part + window, 0, state, part + window
end

-- a: limit, b: window. State: a sorted set of unique members by time.
local function sliding_log(limit, number, hits)
  local most, window, logs_rejected, key = limit.a, limit.b, limit.logs_rejected, KEYS[number]
  run('ZREMRANGEBYSCORE', key, '-inf', '(' .. whole(now - window))
  local logged = run('ZCARD', key)
  if hits > 0 and logged + hits > most then
    if hits > most then return max(most - logged, 0), window, -1 end
    -- Rejected requests that are logged push the oldest out, down to one more than the limit.
    local kept = logs_rejected and min(logged + hits, most + 1) or logged
    local index = logged + hits - most - 1 + (logs_rejected and hits or 0)
    local at = now
    if index < logged then at = tonumber(run('ZRANGE', key, index, index, 'WITHSCORES')[2]) end
    return max(most - kept, 0), window, at + window + 1 - now, logs_rejected, window
  end
  return max(most - logged - hits, 0), window + 1, 0, true, window + 1
end

-- a: limit, b: time of a lease. State: a sorted set of leases by their end.
local function concurrency(limit, number, hits, high, low)
  local most, time, key = limit.a, limit.b, KEYS[number]
  local lease = string.format('%08x%08x', high, low)
  run('ZREMRANGEBYSCORE', key, '-inf', whole(now))
  local held = run('ZCARD', key)
  if hits > 0 and run('ZSCORE', key, lease .. ':1') then held = max(held - hits, 0) end
  if hits > 0 and held + hits > most then
    local index = held + hits - most - 1
    local first = run('ZRANGE', key, index, index, 'WITHSCORES')
    local retry = hits > most and -1 or (first[2] and tonumber(first[2]) - now or time)
    return max(most - held, 0), time, retry
  end
  return max(most - held - hits, 0), held + hits > 0 and time or 0, 0, lease, time
end

local algorithms = {
  g = gcra, f = fixed_window, i = interval_bucket, s = sliding_counter,
  k = sub_windows, l = sliding_log, c = concurrency,
}
local has_one_value = { g = true, f = true, i = true, s = true }

-- Writes what an algorithm answered to the part at `place` of the call.
local function write(limit, number, place, hits, state, time)
  local kind, key = limit.kind, KEYS[number]
  if has_one_value[kind] then return keep(number, state, time) end
  if kind == 'k' then
    if #state.over > 0 then run('HDEL', key, unpack(state.over)) end
    run('HINCRBY', key, state.part, hits)
  elseif kind == 'l' then
    local unique = call .. ':' .. place .. ':'
    for hit = 1, hits do run('ZADD', key, whole(now), unique .. hit) end
    run('ZREMRANGEBYRANK', key, 0, -limit.a - 2)
  else
    for hit = 1, hits do run('ZADD', key, whole(now + time), state .. ':' .. hit) end
  end
  run('PEXPIRE', key, milliseconds(time))
end

local answers, failure = {}, ''
-- Where the present request begins in `requests`, and how many parts come before its own.
local at, before = 1, 0

-- Of a request of several parts, what it would write waits until no limit denied it.
local function decide()
  local count, high, low, key, limit, hits = unpacked('>HI4I4HHI4', requests, at)
  local denied, writes = false, count > 1 and {}
  for place = before + 1, before + count do
    if place > before + 1 then
      key, limit, hits = unpacked('>HHI4', requests, at + 2 + 8 * (place - before))
    end
    limit = limits[limit]
    local remaining, reset, retry, state, time = limit.decide(limit, key, hits, high, low)
    if retry ~= 0 and not limit.shadow then denied = true end
    answers[3 * place - 2], answers[3 * place - 1], answers[3 * place] = remaining, reset, retry
    if state and hits > 0 and charging then
      if writes then writes[#writes + 1] = { limit, key, place, hits, state, time }
      else write(limit, key, place, hits, state, time) end
    end
  end
  for _, one in ipairs(writes or {}) do
    local limit, key, place, hits, state, time = unpack(one)
    local admitted = answers[3 * place] == 0
    if not admitted or not denied then write(limit, key, place, hits, state, time)
    else answers[3 * place - 2] = answers[3 * place - 2] + hits end
  end
  return count
end

local function go_on(count) at, before = at + 10 + 8 * count, before + count end
local function decide_rest() while at <= #requests do go_on(decide()) end end

for _, limit in ipairs(limits) do limit.decide = algorithms[limit.kind] end
while at <= #requests do
  local made, problem = pcall(decide_rest)
  if not made then
    failure = type(problem) == 'table' and problem.err or problem
    local count = unpacked('>H', requests, at)
    for place = before + 1, before + count do
      answers[3 * place - 2], answers[3 * place - 1], answers[3 * place] = -1, 0, -1
    end
    go_on(count)
  end
end
for number, key in ipairs(KEYS) do
  local state, time = states[number], times[number]
  if time == UNCHANGED then run('SET', key, state, 'KEEPTTL')
  elseif time then run('SET', key, state, 'PX', milliseconds(time)) end
end
return { failure, cmsgpack.pack(answers) }
