-- Check-ins as devices send them, for wrk: each line of the file is a device's pass and its body.
-- One in `EVERY` tells an inventory that changed. What comes back is counted by its status.
local path, every = os.getenv("CHECK_INS"), tonumber(os.getenv("EVERY") or "20")
local counts = os.getenv("COUNT_ANSWERS") == "1"
local idle, passes, asked = {}, {}, 0
local number = 0
accepted, refused, other, without, changed = 0, 0, 0, 0, 0
local threads = {}

function setup(thread)
  thread:set("id", number)
  number = number + 1
  table.insert(threads, thread)
end

local function raw(pass, body)
  return "POST /api/check-in HTTP/1.1\r\nHost: mdm.example\r\nAccept: */*\r\n"
    .. "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUser-Agent: python-httpx/0.28.1\r\n"
    .. "Content-Type: application/json\r\nAuthorization: Bearer " .. pass
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function init(args)
  for line in io.lines(path) do
    local pass, body = line:match("^(%S+) (.*)$")
    passes[#passes + 1] = pass
    idle[#idle + 1] = raw(pass, body)
  end
  asked = (id or 0) * 7919
end

function request()
  asked = asked + 1
  local at = asked % #idle + 1
  if every > 0 and asked % every == 0 then
    changed = changed + 1
    return raw(passes[at], string.format(
      '{"policy_version":1,"policy_state":"applied","assignment_version":1,"deny_list":1,'
      .. '"inventory_hash":"w%d-%d","wanted":1,"inventory":{"kind":"laptop","system":"Debian 12",'
      .. '"model":"T14","disk_free_bytes":%d}}', id or 0, asked, asked))
  end
  return idle[at]
end

if counts then
  function response(status, headers, body)
    if status == 200 then
      accepted = accepted + 1
    elseif status == 503 or status == 429 then
      refused = refused + 1
      if not headers["retry-after"] then without = without + 1 end
    else
      other = other + 1
    end
  end
end

function done(summary, latency, requests)
  local told = { accepted = 0, refused = 0, other = 0, without = 0, changed = 0 }
  for _, thread in ipairs(threads) do
    for name, _ in pairs(told) do told[name] = told[name] + thread:get(name) end
  end
  local all = summary.requests
  local share = counts and told.accepted / math.max(all, 1) or 1
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.4f,"errors":%d,"bad_status":%d,"p50_ms":%.3f,"p99_ms":%.3f,'
    .. '"bound_ms":%.3f,"accepted":%d,"refused":%d,"other":%d,"without_retry_after":%d,"changed":%d}\n',
    all, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.errors.status, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency:percentile(100 - math.max(share, 0.0005)) / 1e3,
    told.accepted, told.refused, told.other, told.without, told.changed))
end
