-- One decision over all keys of a request, in one step of the store: first every limit is looked
-- at, and only when all of them admit it is anything charged. Time is the store's own, so
-- instances with skewed clocks agree. Times are microseconds, which a double holds exactly.
--
-- KEYS: one a limit. ARGV[1]: 'charge', or 'look' to change nothing. Then for each key nine values:
-- algorithm, three parameters, hits, lease, whether it is in shadow mode, whether a rejected
-- request is logged, and a text that is unique to this request.
-- Answers for each key: admitted, remaining, until reset, until a retry helps (-1: never), and how
-- long the request waits in the queue.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local charging = ARGV[1] == 'charge'
local answers, writes, denied = {}, {}, false

local function whole(number) return string.format('%.0f', number) end

-- a: what one hit costs, b: what a full burst costs. State: when the bucket will be full.
local function gcra(key, a, b, _, hits)
  local debt = math.min(math.max(tonumber(redis.call('GET', key) or 0) - now, 0), b)
  local cost, wait = a * hits, debt
  if cost > b - debt then
    local retry = cost > b and -1 or cost - (b - debt)
    return false, math.floor((b - debt) / a), debt, retry, 0
  end
  debt = debt + cost
  return true, math.floor((b - debt) / a), debt, 0, wait, whole(now + debt), debt
end

-- a: limit, b: window. State: a count that expires with its window.
local function fixed_window(key, a, b, _, hits)
  local count = tonumber(redis.call('GET', key) or 0)
  local left = b - now % b
  if hits > 0 and count + hits > a then
    return false, math.max(a - count, 0), left, hits > a and -1 or left, 0
  end
  return true, math.max(a - count - hits, 0), left, 0, 0, whole(count + hits), left
end

-- a: size, b: refill, c: interval. State: an interval's number and what is taken in it.
local function interval_bucket(key, a, b, c, hits)
  local index, taken = math.floor(now / c), 0
  local state = redis.call('GET', key)
  if state then
    local at = string.find(state, ':', 1, true)
    local passed = math.max(index - tonumber(string.sub(state, 1, at - 1)), 0)
    taken = math.max(tonumber(string.sub(state, at + 1)) - passed * b, 0)
  end
  local left = c - now % c
  local function back(tokens) return left + (math.ceil(tokens / b) - 1) * c end
  if hits > 0 and taken + hits > a then
    local retry = hits > a and -1 or back(taken + hits - a)
    return false, math.max(a - taken, 0), back(taken), retry, 0
  end
  taken = taken + hits
  local reset = taken == 0 and 0 or back(taken)
  return true, math.max(a - taken, 0), reset, 0, 0, whole(index) .. ':' .. whole(taken), reset
end

-- a: limit, b: window, c: 1 to round up. State: a window's number, its count, the one before.
local function sliding_counter(key, a, b, c, hits)
  local index, current, previous = math.floor(now / b), 0, 0
  local state = redis.call('GET', key)
  if state then
    local at, first, second = string.match(state, '^(%d+):(%d+):(%d+)$')
    at, first, second = tonumber(at), tonumber(first), tonumber(second)
    if at >= index then current, previous = first, second
    elseif at + 1 == index then previous = first end
  end
  local left = b - now % b
  local function rounded(share) return c == 1 and math.ceil(share) or math.floor(share) end
  local counted = current + rounded(previous * left / b)
  if hits > 0 and counted + hits > a then
    if hits > a then return false, math.max(a - counted, 0), left, -1, 0 end
    -- The longest rest of a window at which the share of a count is no more than the room.
    local function rest(count, room)
      count = math.max(count, 1)
      if c == 1 then return math.floor(room * b / count) end
      return math.ceil((room + 1) * b / count) - 1
    end
    local room, retry = a - hits, 0
    if current <= room then retry = left - rest(previous, room - current)
    else retry = left + b - rest(current, room) end
    return false, math.max(a - counted, 0), left, math.max(retry, 1), 0
  end
  state = whole(index) .. ':' .. whole(current + hits) .. ':' .. whole(previous)
  return true, math.max(a - counted - hits, 0), left, 0, 0, state, left + b
end

-- a: limit, b: window, c: parts. State: a hash of counts by the number of their part.
local function sub_windows(key, a, b, c, hits)
  local part = math.max(math.floor(b / c), 1)
  local fields, counts, counted = redis.call('HGETALL', key), {}, 0
  for at = 1, #fields, 2 do
    local began = tonumber(fields[at]) * part
    if began + part + b > now then
      counted = counted + tonumber(fields[at + 1])
      counts[#counts + 1] = { began + part + b - now, tonumber(fields[at + 1]) }
    else
      counts.over = counts.over or {}
      table.insert(counts.over, fields[at])
    end
  end
  table.sort(counts, function(one, two) return one[1] < two[1] end)
  local reset = #counts > 0 and counts[#counts][1] or 0
  if hits > 0 and counted + hits > a then
    local retry, left, surplus = -1, 0, counted + hits - a
    for _, count in ipairs(counts) do
      left = left + count[2]
      if left >= surplus then retry = count[1] break end
    end
    return false, math.max(a - counted, 0), reset, hits > a and -1 or retry, 0
  end
  return true, math.max(a - counted - hits, 0), part + b, 0, 0,
    { field = whole(math.floor(now / part)), over = counts.over, hits = hits }, part + b
end

-- a: limit, b: window. State: a sorted set of unique members by time.
local function sliding_log(key, a, b, _, hits, _, logs_rejected)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. whole(now - b))
  local logged = redis.call('ZCARD', key)
  if hits > 0 and logged + hits > a then
    if hits > a then return false, math.max(a - logged, 0), b, -1, 0 end
    -- Rejected requests that are logged push the oldest out, down to one more than the limit.
    local kept = logs_rejected and math.min(logged + hits, a + 1) or logged
    local index = logged + hits - a - 1 + (logs_rejected and hits or 0)
    local at = now
    if index < logged then
      at = tonumber(redis.call('ZRANGE', key, index, index, 'WITHSCORES')[2])
    end
    local state = logs_rejected and { hits = hits, most = a + 1 } or nil
    return false, math.max(a - kept, 0), b, at + b + 1 - now, 0, state, b
  end
  return true, a - logged - hits, b + 1, 0, 0, { hits = hits, most = a + 1 }, b + 1
end

-- a: limit, b: time of a lease. State: a sorted set of leases by their end.
local function concurrency(key, a, b, _, hits, lease)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now))
  local held = redis.call('ZCARD', key)
  if hits > 0 and redis.call('ZSCORE', key, lease .. ':1') then held = math.max(held - hits, 0) end
  if hits > 0 and held + hits > a then
    local index = held + hits - a - 1
    local first = redis.call('ZRANGE', key, index, index, 'WITHSCORES')
    local retry = hits > a and -1 or (first[2] and tonumber(first[2]) - now or b)
    return false, math.max(a - held, 0), b, retry, 0
  end
  return true, a - held - hits, held + hits > 0 and b or 0, 0, 0, { lease = lease, hits = hits }, b
end

local algorithms = {
  g = gcra, f = fixed_window, i = interval_bucket, s = sliding_counter,
  k = sub_windows, l = sliding_log, c = concurrency,
}

local function write(kind, key, state, ttl, unique)
  local milliseconds = math.max(math.ceil(ttl / 1000), 1)
  if type(state) == 'string' then
    redis.call('SET', key, state, 'PX', whole(milliseconds))
    return
  end
  if kind == 'k' then
    if state.over then redis.call('HDEL', key, unpack(state.over)) end
    redis.call('HINCRBY', key, state.field, whole(state.hits))
  elseif kind == 'l' then
    for hit = 1, state.hits do redis.call('ZADD', key, whole(now), unique .. ':' .. hit) end
    redis.call('ZREMRANGEBYRANK', key, 0, -state.most - 1)
  else
    for hit = 1, state.hits do
      redis.call('ZADD', key, whole(now + ttl), state.lease .. ':' .. hit)
    end
  end
  redis.call('PEXPIRE', key, whole(milliseconds))
end

for number, key in ipairs(KEYS) do
  local first = 2 + (number - 1) * 9
  local kind, hits = ARGV[first], tonumber(ARGV[first + 4])
  local admitted, remaining, reset, retry, delay, state, ttl = algorithms[kind](
    key, tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3]), hits,
    ARGV[first + 5], ARGV[first + 7] == '1')
  if not admitted and ARGV[first + 6] ~= '1' then denied = true end
  if state and hits > 0 then
    writes[#writes + 1] = { admitted, kind, key, state, ttl, ARGV[first + 8], hits, #answers + 2 }
  end
  answers[#answers + 1] = admitted and 1 or 0
  answers[#answers + 1] = remaining
  answers[#answers + 1] = reset
  answers[#answers + 1] = retry
  answers[#answers + 1] = delay
end
if charging then
  for _, one in ipairs(writes) do
    local admitted, kind, key, state, ttl, unique, hits, at = unpack(one)
    if not admitted or not denied then write(kind, key, state, ttl, unique)
    else answers[at] = answers[at] + hits end
  end
end
return answers
