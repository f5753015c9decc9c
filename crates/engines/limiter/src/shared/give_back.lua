-- Gives back what a decision charged, or forgets a key.
--
-- KEYS[1]; ARGV: algorithm, what one hit costs, hits, lease; algorithm 'reset' forgets the key.
local key, kind, hits = KEYS[1], ARGV[1], tonumber(ARGV[3])
local function whole(number) return string.format('%.0f', number) end
if kind == 'reset' then return redis.call('DEL', key) end
if kind == 'c' then
  local hit = 1
  while redis.call('ZREM', key, ARGV[4] .. ':' .. hit) == 1 do hit = hit + 1 end
  return 1
end
if hits == 0 then return 0 end
if kind == 'l' then return redis.call('ZREMRANGEBYRANK', key, -hits, -1) end
if kind == 'k' then
  local fields = redis.call('HGETALL', key)
  local newest, count = nil, 0
  for at = 1, #fields, 2 do
    if not newest or tonumber(fields[at]) > tonumber(newest) then
      newest, count = fields[at], tonumber(fields[at + 1])
    end
  end
  if newest then redis.call('HINCRBY', key, newest, whole(-math.min(hits, count))) end
  return 1
end
local state = redis.call('GET', key)
if not state then return 0 end
-- As decide.lua keeps them.
if kind == 'g' then
  local full_at, goes_at = struct.unpack('>LL', state)
  state = struct.pack('>LL', math.max(full_at - tonumber(ARGV[2]) * hits, 0), goes_at)
elseif kind == 'f' then
  state = string.format('%d', math.max(tonumber(state) - hits, 0))
elseif kind == 'i' then
  local index, taken = struct.unpack('>LL', state)
  state = struct.pack('>LL', index, math.max(taken - hits, 0))
else
  local index, current, previous = struct.unpack('>LLL', state)
  state = struct.pack('>LLL', index, math.max(current - hits, 0), previous)
end
redis.call('SET', key, state, 'KEEPTTL')
return 1
