// Who is logged in here. The session itself is a cookie that no script can read.

import { computed, effect, signal } from "@preact/signals";
import { api, onLoggedOut } from "../api/client";
import { forgetEarly } from "../api/early";
import { forgetLists } from "../api/list";
import type { Me } from "../api/schema";
import { forgetAll } from "../api/store";
import { recall, store } from "./recall";

/** Undefined until it is known, null: nobody. Whoever was here last is believed until the API says otherwise, so that the
    page need not wait for it; what they may is the API's to say. */
export const me = signal<Me | null | undefined>(recall<Me | null>("me", null) ?? undefined);
effect(() => {
  if (me.value !== undefined) store("me", me.value);
});

export const isAdmin = computed(() => me.value?.is_admin ?? false);

onLoggedOut(() => {
  me.value = null;
});

/** Looks who it is; what cannot be asked is thrown. */
export async function lookWho(): Promise<void> {
  try {
    me.value = await api("GET /api/auth/me");
  } catch (error) {
    if ((error as { status?: number }).status !== 401) throw error;
    me.value = null;
  }
}

export async function logIn(username: string, password: string): Promise<void> {
  await api("POST /api/auth/login", { body: { username, password } });
  forgetEverything();
  await lookWho();
}

export async function logOut(): Promise<void> {
  await api("POST /api/auth/logout");
  me.value = null;
  forgetEverything();
}

function forgetEverything(): void {
  forgetEarly();
  forgetAll();
  forgetLists();
}
