import os; os.sched_setaffinity(0,{1})
import sys; sys.path.insert(0,"/tmp/w/fast")
import jax, jax.numpy as jnp, numpy as np
from convs_tm import tm
from jax_impl import forms, layers
from flax import nnx
r=np.random.default_rng(0)
A=lambda *s: jnp.asarray(r.standard_normal(s),"float32")
x=A(64,28,28,1); w1=A(5,5,1,6); b1=A(6); w2=A(5,5,6,16); b2=A(16); x2=A(64,14,14,6); a1=A(64,28,28,6); a2=A(64,10,10,16)
ap=lambda x: layers.avg_pool(x,2,2)
def ap2(x):
    b,h,w,c=x.shape; return x.reshape(b,h//2,2,w//2,2,c).mean((2,4))
def ap3(x): return (x[:,::2,::2]+x[:,1::2,::2]+x[:,::2,1::2]+x[:,1::2,1::2])/4
F={"conv1":(lambda x,w:forms._terms(x,w,1,2),(x,w1)),
"conv1 lax":(lambda x,w:forms._plain(x,w,1,2),(x,w1)),
"conv1+b":(lambda x,w:forms._terms(x,w,1,2)+b1,(x,w1)),
"conv1+sig":(lambda x,w:nnx.sigmoid(forms._terms(x,w,1,2)+b1),(x,w1)),
"conv1+sig+pool":(lambda x,w:ap(nnx.sigmoid(forms._terms(x,w,1,2)+b1)),(x,w1)),
"sig":(nnx.sigmoid,(a1,)),"pool":(ap,(a1,)),"pool2":(ap2,(a1,)),"pool3":(ap3,(a1,)),"sig+pool":(lambda x:ap(nnx.sigmoid(x)),(a1,)),"sig+pool3":(lambda x:ap3(nnx.sigmoid(x)),(a1,)),
"conv2":(lambda x,w:forms._plain(x,w,1,0),(x2,w2)),
"conv2+sig+pool":(lambda x,w:ap(nnx.sigmoid(forms._plain(x,w,1,0)+b2)),(x2,w2)),
"conv2+sig+pool3":(lambda x,w:ap3(nnx.sigmoid(forms._plain(x,w,1,0)+b2)),(x2,w2)),
}
for n,(f,a) in F.items(): print(n, round(tm(jax.jit(f),*a)*1e3,3))
