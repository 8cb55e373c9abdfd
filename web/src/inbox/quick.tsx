// A decision in place: what it is taken for, how sure that is, and yes or no.

import { useState } from "preact/hooks";
import { sayProblem } from "../app/toasts";
import { Failed, SkeletonLines } from "../parts/empty";
import { words } from "../words";
import { said as asSaid } from "../words/problems";
import { titleOf } from "./case";
import { Confidence } from "./confidence";
import { approve } from "./decisions";
import { useCase } from "./one";
import { RejectDialog } from "./reject";

export function QuickReview({ id, done }: { id: number; done: () => void }) {
  const { inbox: said } = words.value;
  const found = useCase(id);
  const [isBusy, setBusy] = useState(false);
  const [isRejecting, setRejecting] = useState(false);
  const one = found.data.value?.one;
  if (!one) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines count={2} />;
  const title = titleOf(one);
  const yes = async () => {
    setBusy(true);
    try {
      await approve(id, title, {});
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
      done();
    }
  };
  return (
    <div class="quick">
      <p dir="auto">
        {said.takenFor(title)} {one.year ? `(${one.year})` : ""} <Confidence of={one.confidence} />
      </p>
      {one.reason && <p class="row-below">{asSaid(one.reason)}</p>}
      <div class="form-foot">
        <button type="button" class="button small primary" disabled={isBusy || !one.artist || !one.album} onClick={() => void yes()}>
          {said.approve}
        </button>
        <button type="button" class="button small" disabled={isBusy} onClick={() => setRejecting(true)}>
          {said.reject}
        </button>
        <a class="button small quiet" href={`/inbox/${id}`}>
          {said.all}
        </a>
      </div>
      {isRejecting && <RejectDialog id={id} title={title} close={() => setRejecting(false)} done={done} />}
    </div>
  );
}
