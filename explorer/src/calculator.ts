// One worker that is asked one thing at a time; of what is asked meanwhile only the latest counts.

import source from "worker-source";
import type { Question } from "./worker";

export class Calculator<Answer> {
  private readonly worker: Worker;
  private busy = false;
  private next: Question | null = null;

  constructor(answered: (answer: Answer) => void) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(address);
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.busy = false;
      if (this.next) this.ask(this.next);
      answered(data);
    };
  }

  ask(question: Question): void {
    this.next = this.busy ? question : null;
    if (this.busy) return;
    this.busy = true;
    this.worker.postMessage(question);
  }
}
