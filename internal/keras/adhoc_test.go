package keras
import ("testing";"path/filepath";"os";"coldstream/lstm";"fmt")
func TestAdhoc(t *testing.T){
 for _,pat:=range filepath.SplitList(os.Getenv("ADHOC")){
  fs,_:=filepath.Glob(pat)
  for _,f:=range fs{
   m,err:=Open(f,Options{})
   if err!=nil{fmt.Println("ERR",err);continue}
   _,err=lstm.New(m.Graph,m.Params,lstm.Options{})
   fmt.Println(filepath.Base(f),m.KerasVersion,m.Format,len(m.Graph.Nodes),m.Inputs,m.NumClasses,err,m.Notes)
  }}
}
