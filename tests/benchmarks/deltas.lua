-- What a teacher's app asks when it pulls: each line of the file is a token and a path.
local asked, all = 0, {}

function init(args)
  for line in io.lines(os.getenv("DELTAS")) do
    local token, path = line:match("^(%S+) (.*)$")
    all[#all + 1] = "GET " .. path .. " HTTP/1.1\r\nHost: mdm.example\r\nConnection: keep-alive\r\n"
      .. "Authorization: Bearer " .. token .. "\r\n\r\n"
  end
end

function request()
  asked = asked + 1
  return all[asked % #all + 1]
end

function done(summary, latency, requests)
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.4f,"errors":%d,"bad_status":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.timeout,
    summary.errors.status, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
