import time
from service.replay.calls import corpus
from service.replay.chunk import *
from service.replay.ledger import Ledger
c=list(corpus(None))
p=Plan(SideSpec("recorded"),SideSpec("build"))
t=time.time()
part=sums(p,c); print(time.time()-t)
l=Ledger(); l.begin({"a":1}); l.add(part); 
print(l.counts()); print(l.distinct()); print(l.repeats("new"), list(l.groups()), l.latency("new"))
