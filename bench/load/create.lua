-- Sends create requests whose events are all distinct, as fast as the server takes them.
--
-- BENCH_BODIES is a folder of body templates. A template holds a marker wherever a
-- unique id stands; each request fills it with a number of its own, by one concat, so
-- that the generator costs little beside the server. BENCH_WAIT is how long each
-- connection waits before a request, in milliseconds; 0 for not at all.

local MARKER = "@@"
local folder = os.getenv("BENCH_BODIES")
local count = tonumber(os.getenv("BENCH_TEMPLATES"))
local path = os.getenv("BENCH_PATH")
local run = os.getenv("BENCH_RUN")
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function split(text)
  local pieces, from = {}, 1
  while true do
    local at = text:find(MARKER, from, true)
    if not at then
      pieces[#pieces + 1] = text:sub(from)
      return pieces
    end
    pieces[#pieces + 1] = text:sub(from, at - 1)
    from = at + #MARKER
  end
end

local wait = tonumber(os.getenv("BENCH_WAIT"))

if wait > 0 then
  -- Milliseconds before each request, so that the server is not kept as busy as it can be.
  function delay()
    return wait
  end
end

function init(args)
  headers = {
    ["Authorization"] = "Klaviyo-API-Key " .. os.getenv("BENCH_KEY"),
    ["Content-Type"] = "application/json",
    ["revision"] = "2024-06-15",
  }
  templates = {}
  for i = 1, count do
    local file = assert(io.open(folder .. "/" .. i .. ".json", "rb"))
    templates[i] = split(file:read("*a"))
    file:close()
  end
  sent = 0
end

function request()
  sent = sent + 1
  local mark = run .. "-" .. number .. "-" .. sent
  return wrk.format("POST", path, headers, table.concat(templates[(sent - 1) % count + 1], mark))
end

function done(summary, latency, requests)
  print(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
