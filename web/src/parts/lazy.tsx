// A page whose script comes when somebody goes there: what most people never open costs nobody a byte.

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem";
import { isAdmin } from "../app/session";
import { words } from "../words";
import { Empty, Failed, SkeletonLines } from "./empty";

export function lazy(load: () => Promise<ComponentType>): ComponentType {
  const page = signal<ComponentType | undefined>(undefined);
  const problem = signal<Problem | undefined>(undefined);
  const fetchIt = async () => {
    problem.value = undefined;
    try {
      const loaded = await load();
      page.value = loaded;
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  return function Lazy() {
    useEffect(() => {
      if (!page.peek()) void fetchIt();
    }, []);
    const Page = page.value;
    if (Page) return <Page />;
    // After an upgrade the old names are gone: the new page knows the new ones.
    return problem.value ? <Failed problem={problem.value} again={() => location.reload()} /> : <SkeletonLines count={8} />;
  };
}

/** Only admins see it; the API holds it, this only says so kindly. */
export function forAdmins(Page: ComponentType): ComponentType {
  return function Guarded() {
    const { house } = words.value;
    return isAdmin.value ? <Page /> : <Empty icon="account" title={house.adminsOnly} hint={house.adminsOnlyHint} />;
  };
}
