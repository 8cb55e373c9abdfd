-- How wrk asks for one line of the measurement. ASK_WAY: `get` one path, `ids` of albums in a scattered walk, `toggle`
-- hearts on all of the first albums and takes them away again, `login`.
local way, path = os.getenv("ASK_WAY"), os.getenv("ASK_PATH")
local albums, hearted = tonumber(os.getenv("ASK_ALBUMS")), tonumber(os.getenv("ASK_HEARTED"))
local headers = { ["Authorization"] = "Bearer " .. os.getenv("ASK_TOKEN") }
local asked, always = 0, nil

function init()
  if way == "get" then
    always = wrk.format("GET", path, headers)
  elseif way == "login" then
    always = wrk.format("POST", path, { ["Content-Type"] = "application/json" }, os.getenv("ASK_LOGIN"))
  end
end

function request()
  if always then return always end
  asked = asked + 1
  if way == "ids" then
    return wrk.format("GET", string.format(path, 1 + asked * 7919 % albums), headers)
  end
  local round, id = math.floor((asked - 1) / hearted), 1 + (asked - 1) % hearted
  return wrk.format(round % 2 == 0 and "POST" or "DELETE", string.format(path, id), headers)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("asked: %8.0f/s  p50 %7.2f ms  p99 %7.2f ms  refused %d, broken %d\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
