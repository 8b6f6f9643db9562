-- Forms to an endpoint of the protocol. Called as `wrk -s forms.lua … -- FILE`: its first line is the Authorization
-- header, each further one a form. They are sent in turns; a refresh token is followed by the one that the answer holds.
dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "") .. "load.lua")

local forms, first, last, refreshing = {}, 1, 0, false
local PREFIX = "grant_type=refresh_token&refresh_token="

local function add(form)
  last = last + 1
  forms[last] = form
end

function init(arguments)
  local lines = io.lines(arguments[1])
  wrk.method = "POST"
  wrk.headers["Authorization"] = lines()
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  for line in lines do add(line) end
  refreshing = forms[1]:sub(1, #PREFIX) == PREFIX
  if not refreshing then response = nil end  -- what nobody reads costs nothing
end

function request()
  local form = forms[first]
  forms[first] = nil
  first = first + 1
  if not refreshing then add(form) end
  return wrk.format(nil, nil, nil, form)
end

function response(status, headers, body)
  local token = body:match('"refresh_token":%s*"([^"]+)"')
  if token then add(PREFIX .. token) end
end
