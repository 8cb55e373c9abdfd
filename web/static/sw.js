// The offline shell: the page itself is there without a network, and says that the house is not. What the API answers is
// never kept here. The version changes with the page, so that an old one is replaced as a whole.

const CACHE = "barbossa-{{VERSION}}";
const SHELL = {{SHELL}};

addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL.map((path) => new Request(path, { headers: { accept: "text/html,*/*" } })))));
  skipWaiting();
});

addEventListener("activate", (event) => {
  const forget = caches.keys().then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))));
  event.waitUntil(forget.then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && !/^\/(api|docs|redoc|health)(\/|$)/.test(pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match("/").then((page) => page ?? Response.error())));
  } else if (SHELL.includes(pathname)) {
    event.respondWith(caches.match(pathname).then((kept) => kept ?? fetch(request)));
  }
});
