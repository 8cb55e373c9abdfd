// Who is logged in here. The session itself is a cookie that no script can read.

import { computed, signal } from "@preact/signals";
import { api, onLoggedOut } from "../api/client";
import { forgetLists } from "../api/list";
import type { Me } from "../api/schema";
import { forgetAll } from "../api/store";

/** Undefined until it is known, null: nobody. */
export const me = signal<Me | null | undefined>(undefined);
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
  forgetAll();
  forgetLists();
}
