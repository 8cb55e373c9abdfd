// Before anything else: what the page at this address will ask for is on its way while its script is still being read. It is
// a script of its own, so small that it is there first. Whoever was logged out here last is asked for alone.

import { askedFirst } from "./app/first";

const keepsOut = (() => {
  try {
    return localStorage.getItem("barbossa.me") === "null";
  } catch {
    return false;
  }
})();
const asked = keepsOut ? askedFirst("/nowhere", "") : askedFirst(location.pathname, location.search);
window.early = new Map(asked.map((address) => [address, fetch(address, { credentials: "same-origin" })]));
// Nobody may be there to hear of a failure; whoever takes it does.
for (const answer of window.early.values()) answer.catch(() => {});
