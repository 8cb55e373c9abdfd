// One import that waits for a person.

import { Badge, SourceBadge } from "../parts/badge";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { useTitle } from "../parts/head";
import { Icon } from "../parts/icon";
import { Facts } from "../parts/rows";
import { ago } from "../parts/time";
import { words } from "../words";
import { said as asSaid } from "../words/problems";
import { titleOf } from "./case";
import { Beside, Compare, Files, Why } from "./compare";
import { Confidence } from "./confidence";
import { Decide } from "./decide";
import { useCase } from "./one";

export function ReviewPage({ id }: { id: number }) {
  const { inbox: said, counts, locale } = words.value;
  const found = useCase(id);
  const whole = found.data.value;
  useTitle(whole ? titleOf(whole.one) : said.page);
  const problem = found.error.value;
  if (problem?.status === 404 || problem?.status === 400) return <Empty icon="inbox" title={said.gone} hint={said.goneHint} />;
  if (!whole) return problem ? <Failed problem={problem} again={() => void found.refresh()} /> : <SkeletonLines count={9} />;
  const { one, files, twin } = whole;
  return (
    <article>
      <p class="crumbs">
        <a class="button quiet small" href="/inbox">
          <Icon name="left" size={16} /> {said.page}
        </a>
      </p>
      <header class="review-head">
        <h1 dir="auto">{titleOf(one)}</h1>
        <p class="badges">
          <Badge kind={one.status === "pending" ? "warn" : one.status === "approved" ? "good" : ""}>{said.statuses[one.status] ?? one.status}</Badge>
          <SourceBadge source={one.source} />
          <Confidence of={one.confidence} />
        </p>
        {one.reason && <p class="review-reason">{asSaid(one.reason)}</p>}
        <p class="muted small">
          <Facts of={[one.tracks !== null && counts.tracks(one.tracks), ago(one.createdAt, locale), <code key="path">{one.path}</code>]} />
        </p>
      </header>
      <div class="side-by-side">
        <div>
          <Compare one={one} />
          <Beside twin={twin} />
          <Why of={one.evidence} />
          <Files files={files} />
        </div>
        <Decide key={`${one.id} ${one.status}`} whole={whole} />
      </div>
    </article>
  );
}
