-- Sends what `plan` says and prints one line of JSON in the end. wrk.py writes `plan` above this.
-- plan.fresh: every request has a body of its own, made from this text and a count, and a name of its own
-- as well, unless plan.names says how many names take turns.

local body, ready, count = "", {}, 0

function init()
  if plan.body_path then
    local file = assert(io.open(plan.body_path, "rb"))
    body = file:read("*a")
    file:close()
  end
  for place, each in ipairs(plan.requests) do
    ready[place] = wrk.format(each.method, each.path, each.headers, each.body or body)
  end
end

function request()
  count = count + 1
  if not plan.fresh then
    return ready[count % #ready + 1]
  end
  local tag = plan.fresh .. count
  local first = plan.requests[1]
  local name = plan.names and count % plan.names or tag
  return wrk.format(first.method, first.path .. name, first.headers, tag .. body:sub(#tag + 1))
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "microseconds": %d, "bytes": %d, "p50": %d, "p99": %d, '
      .. '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
