-- One exchange of a process with a shared quota: step.py once more, for a server that works it out itself.
-- KEYS[1]: the state. ARGV: the quota and what the process tells, both MessagePack; what tells a new state from
-- any before; how long a state that nobody uses is kept, in milliseconds. A test holds it against step.py.
local GRAIN, TICK, SETTLING, MOST_PASSING, SPREAD = 1 / 200, 0.001, 1.0, 10, 0.8
local SLOWEST, AIM, RECOVERY, PLATEAU, NOISE = 0.25, 0.97, 2, 30, 1e-9

local quota, ask = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now = ask.now
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local raw = redis.call('GET', KEYS[1])
local state = raw and cmsgpack.unpack(raw) or nil

local function tickets(window, rate)
  if not rate then return window.whole, window.away end
  local whole = math.max(1, math.min(math.ceil(rate - NOISE), math.floor(rate + NOISE)))
  return whole, window.per * math.max(1, whole / rate)
end

local function spare(whole)
  return math.min(math.ceil(quota.reserve * whole - NOISE), whole - 1)
end

local function give_back(window, at, count)
  if count == 0 then return end
  local grain = window.away * GRAIN
  at = math.ceil(at / grain) * grain
  local back, index = window.back, #window.back
  while index > 0 and back[index][1] > at do index = index - 1 end
  if index > 0 and back[index][1] == at then
    back[index][2] = back[index][2] + count
  else
    table.insert(back, index + 1, {at, count})
  end
end

local function collect(window)
  local back, due = window.back, 0
  while back[due + 1] and back[due + 1][1] <= now do
    due = due + 1
    window.free = window.free + back[due][2]
  end
  if due > 0 then
    local rest = {}
    for index = due + 1, #back do rest[#rest + 1] = back[index] end
    window.back = rest
  end
end

local function take(window, count, latest)
  local back = window.back
  for index = #back, 1, -1 do
    if back[index][1] <= latest and count > 0 then
      local taken = math.min(count, back[index][2])
      count = count - taken
      back[index][2] = back[index][2] - taken
    end
  end
  local rest = {}
  for _, each in ipairs(back) do
    if each[2] ~= 0 then rest[#rest + 1] = each end
  end
  window.back = rest
  window.free = window.free - count
end

local function owe(window, count)
  local taken = math.min(count, math.max(0, window.free))
  count = count - taken
  window.free = window.free - taken
  while window.back[1] and count > 0 do
    local first = window.back[1]
    taken = math.min(count, first[2])
    count = count - taken
    if taken == first[2] then table.remove(window.back, 1) else first[2] = first[2] - taken end
  end
  window.free = window.free - count
end

local function hold_back(latest, windows)
  for _, window in ipairs(state.windows) do
    local free = math.max(0, window.free)
    window.free = window.free - free
    give_back(window, latest + windows * window.away + TICK, free)
  end
end

local function same_figures()
  if #state.figures ~= #quota.figures then return false end
  for row, figures in ipairs(quota.figures) do
    for column, figure in ipairs(figures) do
      if state.figures[row][column] ~= figure then return false end
    end
  end
  return true
end

local function move_on()
  local behind = math.min(0, now - state.at)
  if behind ~= 0 then
    state.not_before = state.not_before + behind
    for _, window in ipairs(state.windows) do
      for _, each in ipairs(window.back) do each[1] = each[1] + behind end
    end
    for _, lease in pairs(state.leases) do
      lease['until'] = lease['until'] + behind
      lease.ahead = lease.ahead + behind
      lease.urgent = lease.urgent + behind
      lease.bulk = lease.bulk + behind
    end
    if #state.adaptive > 0 then
      state.adaptive[3] = state.adaptive[3] + behind
      state.adaptive[4] = state.adaptive[4] + behind
    end
  end
  state.at = now
  for _, window in ipairs(state.windows) do collect(window) end
  for name, lease in pairs(state.leases) do
    if lease['until'] <= now then
      state.leases[name] = nil
      state.slots = state.slots + lease.slots
      for index, window in ipairs(state.windows) do
        give_back(window, lease['until'] + window.away + TICK, lease.out[index])
        collect(window)
      end
    end
  end
end

local function fresh(lost)
  local windows = {}
  for index, window in ipairs(quota.windows) do
    windows[index] = {
      whole = window.whole, away = window.away, free = lost and 0 or window.whole,
      back = lost and {{now + window.away + TICK, window.whole}} or {},
    }
  end
  local adaptive = {}
  if quota.ceiling then adaptive = {math.min(quota.windows[1].most, quota.ceiling), math.huge, -math.huge, -math.huge} end
  return {
    epoch = ARGV[3], at = now, figures = quota.figures, windows = windows, slots = quota.in_flight,
    not_before = now + SETTLING, leases = {}, passed = 0, adaptive = adaptive,
  }
end

if state then
  move_on()
  if not same_figures() then
    local used = next(state.leases) ~= nil
    for _, window in ipairs(state.windows) do used = used or #window.back > 0 end
    if used then return redis.error_reply('OTHERFIGURES') end
    state = nil
  end
end
state = state or fresh(ask.epoch ~= '')
if ask.epoch ~= '' and ask.epoch ~= state.epoch then
  hold_back(now, 1)
elseif ask.alone then
  hold_back(now + SETTLING, 0)
end
local lease = state.leases[ask.id]
if not lease then
  lease = {['until'] = 0, slots = 0, out = {}, ahead = 0, urgent = 0, bulk = 0}
  for index = 1, #quota.windows do lease.out[index] = 0 end
end

local function adapt()
  local window, per = state.windows[1], quota.windows[1].per
  local away = window.whole - window.free
  local rate, aim, changed, halved = unpack(state.adaptive)
  if ask.throttled > 0 then
    if now - halved >= per then
      aim = AIM * math.min(rate, math.max(away - 1, rate / 2))
      rate = math.max(SLOWEST, rate / 2)
      halved, changed = now, now
    end
  elseif now - changed >= per then
    changed = now
    local new = rate
    if aim == math.huge then new = rate * 1.5
    elseif rate < aim then new = math.min(aim, rate + math.max(aim / 2 / RECOVERY, 0.1))
    elseif now - halved > PLATEAU * per then new = rate * 1.03 + 0.1 end
    if away >= math.max(1, math.floor(rate)) * 0.7 then rate = math.min(new, quota.ceiling) end
  end
  state.adaptive = {rate, aim, changed, halved}
  local whole, span = tickets({per = per}, rate)
  window.away = span
  window.free = window.free + whole - window.whole
  window.whole = whole
end

local function listen()
  for index, window in ipairs(state.windows) do
    local holds, claimed, answered = ask.holds[index], ask.holds[index], {}
    for _, each in ipairs(ask.answered) do
      local at = now - each[1] + window.away + TICK
      if at > now then
        answered[#answered + 1] = {at, each[2][index]}
        claimed = claimed + each[2][index]
      end
    end
    if claimed > lease.out[index] then
      owe(window, claimed - lease.out[index])
    else
      give_back(window, math.max(now, lease.ahead), lease.out[index] - claimed)
      collect(window)
    end
    for _, each in ipairs(answered) do give_back(window, each[1], each[2]) end
    lease.out[index] = holds
  end
  local slots = math.min(ask.slots, math.max(lease.slots, ask.in_flight))
  state.slots = state.slots + lease.slots - slots
  lease.slots = slots
  if ask.pause > 0 then state.not_before = math.max(state.not_before, now + ask.pause) end
  if quota.ceiling and (ask.throttled > 0 or ask.successes > 0) then adapt() end
end

listen()
lease.urgent, lease.bulk = 0, 0
state.leases[ask.id] = lease

local others_urgent, others_bulk, others = 0, 0, 0
for name, each in pairs(state.leases) do
  if name ~= ask.id then
    if each.urgent > now then others_urgent = others_urgent + 1 end
    if each.bulk > now then others_bulk = others_bulk + 1 end
    if each.urgent > now or each.bulk > now then others = others + 1 end
  end
end

local function need_of(index, records)
  if quota.windows[index].records then return math.min(records, state.windows[index].whole) end
  return 1
end

local function kept(window, need, keep)
  return keep and math.min(spare(window.whole), window.whole - need) or 0
end

local function there(window, latest)
  local count = window.free
  for _, each in ipairs(window.back) do
    if each[1] <= latest then count = count + each[2] end
  end
  return count
end

local function when(window, need)
  local missing = need - window.free
  if missing <= 0 then return now end
  for _, each in ipairs(window.back) do
    missing = missing - each[2]
    if missing <= 0 then return each[1] end
  end
  return math.huge
end

local function give(weights, first, last, idle, keep, sharers)
  local starts, windows = {}, state.windows
  local slots = math.ceil(math.max(0, state.slots - (keep and spare(quota.in_flight) or 0)) / (1 + sharers))
  if sharers > 0 then slots = math.min(slots, math.ceil(quota.in_flight / (1 + sharers)) - lease.slots) end
  local caps = {}
  for index, window in ipairs(windows) do
    caps[index] = math.min(
      math.ceil(math.max(0, there(window, now + ask.ahead)) / (1 + sharers)),
      math.ceil(window.whole * ask.ahead / window.away) + math.max(1, math.floor(window.whole / 50))
    )
  end
  local before = 0
  for _, known in pairs(state.leases) do before = math.max(before, known.ahead) end
  for number = first, last do
    local at, over = now, false
    if idle <= 0 and slots <= 0 then break end
    for index, window in ipairs(windows) do
      local need = need_of(index, weights[number])
      over = over or need > caps[index]
    end
    if #starts > 0 and over then break end
    for index, window in ipairs(windows) do
      local need = need_of(index, weights[number])
      local free = kept(window, need, keep)
      at = math.max(at, when(window, need + free))
      local apart = need * window.away / window.whole * SPREAD
      if free ~= 0 and apart <= ask.ahead then at = math.max(at, before + apart) end
    end
    if at > now + ask.ahead then break end
    before = at
    for index, window in ipairs(windows) do
      local need = need_of(index, weights[number])
      take(window, need, at)
      caps[index] = caps[index] - need
      lease.out[index] = lease.out[index] + need
    end
    if idle > 0 then
      idle = idle - 1
    else
      slots = slots - 1
      state.slots = state.slots - 1
      lease.slots = lease.slots + 1
    end
    lease.ahead = math.max(lease.ahead, at)
    starts[#starts + 1] = at - now
  end
  return starts
end

local urgent, bulk = {}, {}
if now >= state.not_before then
  local waits = #ask.bulk > 0 or others_bulk > 0
  local turn, idle = waits and state.passed >= MOST_PASSING, ask.idle
  if not turn or #ask.bulk > 0 then
    if turn then
      bulk = give(ask.bulk, 1, 1, idle, false, 0)
      idle = math.max(0, idle - #bulk)
    end
    if not turn or #bulk > 0 then
      urgent = give(ask.urgent, 1, #ask.urgent, idle, false, others_urgent)
      idle = math.max(0, idle - #urgent)
    end
  end
  state.passed = #bulk > 0 and 0 or state.passed + (waits and #urgent or 0)
  if #urgent == #ask.urgent and others_urgent == 0 and #ask.bulk > #bulk then
    local more = give(ask.bulk, #bulk + 1, #ask.bulk, idle, true, others_bulk)
    if #more > 0 then state.passed = 0 end
    for _, start in ipairs(more) do bulk[#bulk + 1] = start end
  end
end
local waits = now + 0.1 + 2 * ask.ahead
if #urgent < #ask.urgent then lease.urgent = waits end
if #bulk < #ask.bulk then lease.bulk = waits end
lease['until'] = now + ask.lease
local holds = lease.slots ~= 0 or lease.urgent ~= 0 or lease.bulk ~= 0
for _, out in ipairs(lease.out) do holds = holds or out ~= 0 end
if not holds then state.leases[ask.id] = nil end

local left, keep = ask.urgent[#urgent + 1], false
if not left then left, keep = ask.bulk[#bulk + 1], true end
local again, full = nil, 0
if left then
  local latest = now
  for index, window in ipairs(state.windows) do
    local need = need_of(index, left)
    local at = when(window, need + kept(window, need, keep))
    if at > latest then latest, full = at, index - 1 end
  end
  if latest < math.huge then again = latest - now end
end
local rate = math.huge
if state.adaptive[1] then rate = state.adaptive[1]
elseif quota.windows[1] then rate = quota.windows[1].most end
redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', ARGV[4])
return cmsgpack.pack({
  epoch = state.epoch, urgent = urgent, bulk = bulk, slots = lease.slots, pause = math.max(0, state.not_before - now),
  again = again, full = full, rate = rate, sharing = others,
})
