// What to do until the first album is in.

import { isAdmin } from "../app/session";
import { Icon } from "../parts/icon";
import { ChooseFiles } from "../uploads/add";
import { words } from "../words";

export function Guide() {
  const { guide } = words.value;
  return (
    <section class="guide" aria-labelledby="guide-title">
      <h2 id="guide-title">{guide.title}</h2>
      <p class="muted">{guide.intro}</p>
      <ol class="guide-ways">
        <li class="card">
          <Icon name="upload" size={28} />
          <h3>{guide.drop}</h3>
          <p>{guide.dropHint}</p>
          <ChooseFiles />
        </li>
        <li class="card">
          <Icon name="inbox" size={28} />
          <h3>{guide.inbox}</h3>
          <p>{guide.inboxHint}</p>
          <code>import/pending</code>
        </li>
        <li class="card">
          <Icon name="link" size={28} />
          <h3>{guide.link}</h3>
          <p>{guide.linkHint}</p>
          <a class="button" href="/downloads">
            {guide.toDownloads}
          </a>
        </li>
      </ol>
      {isAdmin.value && (
        <p class="muted">
          {guide.adopt} {guide.adoptHint} <code>sudo barbossa import --adopt DIR</code>
        </p>
      )}
    </section>
  );
}
